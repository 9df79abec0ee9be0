"use strict";

/* The description that the server makes of its interface, drawn by Swagger UI. */
window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#interface", deepLinking: true });
