"""Two simulated machines of two cores each, which Ray takes for a cluster, until the input ends.

A program of its own, so that nothing that Ray does to the process that starts it happens to the tests.
"""

import os
import sys


def main() -> None:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}  # other tests run beside these
    from ray.cluster_utils import Cluster

    # This machine alone can reach it, and Ray does not take it for the machine's own address, as it takes 127.0.0.1.
    alike = {"node_ip_address": "127.0.0.2", "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **alike})
    try:
        for _ in range(2):
            cluster.add_node(wait=False, num_cpus=2, **alike)
        cluster.wait_for_nodes()
        print(cluster.address, flush=True)
        sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
