// Fills the page from the contract. No validator is asked: that would be another host.
"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#contract",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
