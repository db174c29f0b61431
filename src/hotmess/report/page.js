// What the page adds where scripts may run: sorting, filters, links between buckets and questions, the data as a file.
"use strict";
(() => {
  document.documentElement.classList.add("js");

  /** The column of a table that a filter or a title is about. @param {HTMLTableElement} table @param {string} name */
  const columnOf = (table, name) => [...table.tHead.rows[0].cells].findIndex((cell) => cell.dataset.of === name);

  /** What a cell says, as a number where it is one. @param {HTMLTableRowElement} row @param {number} column */
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = Number.parseFloat(text.replaceAll(",", ""));
    return text === "" || text === "—" ? -Infinity : /^[−-]?[\d.,]+%?$/.test(text) ? number : text;
  };

  /** Makes the titles of a table sort it. @param {HTMLTableElement} table */
  const sortable = (table) => {
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      const title = cell.textContent;
      if (title === "read") return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      cell.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") !== "descending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const keyed = [...body.rows].map((row, place) => ({ row, place, key: value(row, column) }));
        const compare = (/** @type {any} */ a, /** @type {any} */ b) =>
          typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
        keyed.sort((one, other) => (down ? -1 : 1) * compare(one.key, other.key) || one.place - other.place);
        body.replaceChildren(...keyed.map((one) => one.row));
      });
    });
  };

  /** Shows the rows of a table that fit what its form says. @param {HTMLFormElement} form */
  const filter = (form) => {
    const table = /** @type {HTMLTableElement} */ (document.getElementById(form.dataset.table));
    const wanted = [...new FormData(form)].filter(([, text]) => text !== "").map(([name, text]) => [columnOf(table, name), name, String(text)]);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const fits = wanted.every(([column, name, text]) => {
        const said = row.cells[column].textContent.trim();
        return name === "find" ? said.toLowerCase().includes(text.toLowerCase()) : said === text;
      });
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    form.querySelector("output").textContent = `${shown.toLocaleString("en")} of ${table.tBodies[0].rows.length.toLocaleString("en")} questions`;
  };

  for (const form of document.querySelectorAll("form.filter")) {
    form.hidden = false;
    form.addEventListener("input", () => filter(form));
    form.addEventListener("submit", (event) => event.preventDefault());
    sortable(/** @type {HTMLTableElement} */ (document.getElementById(form.dataset.table)));
  }

  for (const line of document.querySelectorAll(".buckets")) {
    line.hidden = false;
    line.addEventListener("click", (event) => {
      const bucket = event.target instanceof HTMLElement ? event.target.dataset.bucket : undefined;
      if (!bucket) return;
      const form = /** @type {HTMLFormElement} */ (document.querySelector(`form[data-table="${line.dataset.table}"]`));
      form.elements.bucket.value = bucket;
      filter(form);
      form.scrollIntoView();
      form.elements.bucket.focus({ preventScroll: true });
    });
  }

  for (const button of document.querySelectorAll(".download")) {
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([document.getElementById("data").textContent], { type: "application/json" }));
      link.download = button.dataset.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }
})();
