"""A server: files and streams of several users to answers, with limits on all that they may send."""
