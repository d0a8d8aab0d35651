// The page needs no script to be read. With one, tenants can be filtered by name.
const field = document.getElementById("filter");
if (field) {
  const lines = [...document.querySelectorAll("[data-tenant]")];
  const said = document.getElementById("filtered");
  field.parentElement.hidden = false;
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    const shown = new Set();
    for (const line of lines) {
      line.hidden = !line.dataset.tenant.toLowerCase().includes(wanted);
      if (!line.hidden) shown.add(line.dataset.tenant);
    }
    said.textContent = wanted ? `${shown.size} tenants` : "";
  });
}
