// Starts Swagger UI on the document that the page names. A file of its own: the content policy allows no inline script.
const root = document.getElementById("reference");

window.SwaggerUIBundle({
  domNode: root,
  url: root.dataset.document,
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  // A key that was typed in is gone with the page.
  persistAuthorization: false,
  // No request to anybody else, and none for a validator's badge.
  validatorUrl: null,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
});
