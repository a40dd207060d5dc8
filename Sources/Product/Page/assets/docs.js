// Shows /openapi.json: nothing about a route is written here.

const about = document.getElementById("about");
const operations = document.getElementById("operations");
const contents = document.getElementById("contents");
const filter = document.getElementById("filter");

/** An element with attributes and children; text is never read as markup. */
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text in which `code` stands in back-ticks. */
function prose(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

const nameOf = (reference) => reference.slice(reference.lastIndexOf("/") + 1);

class Schemas {
  constructor(named) {
    this.named = named;
  }

  resolve(schema) {
    return schema.$ref ? this.resolve(this.named[nameOf(schema.$ref)]) : schema;
  }

  /** What a value may be, in one line. */
  words(schema) {
    if (schema.$ref) return nameOf(schema.$ref);
    if ("const" in schema) return JSON.stringify(schema.const);
    const choices = schema.oneOf ?? schema.anyOf;
    if (choices) return [...new Set(choices.map((choice) => this.words(choice)))].join(" or ");
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
    const type = [schema.type].flat().join(" or ");
    if (schema.items) return `${type} of ${this.words(schema.items)}`;
    const limits = [];
    if (schema.format && schema.format !== "int64") limits.push(schema.format);
    if ("minimum" in schema) limits.push(`from ${schema.minimum}`);
    if ("maximum" in schema) limits.push(`to ${schema.maximum}`);
    if ("minLength" in schema || "maxLength" in schema) {
      limits.push(`${schema.minLength ?? 0} to ${schema.maxLength ?? "any number of"} characters`);
    }
    if (schema.pattern) limits.push(schema.pattern);
    if ("default" in schema) limits.push(`default ${JSON.stringify(schema.default)}`);
    return limits.length ? `${type}, ${limits.join(" ")}` : type;
  }

  /** The members of an object, also of each that a choice is between. */
  members(schema, depth = 0) {
    const whole = this.resolve(schema);
    const choices = whole.oneOf ?? whole.anyOf;
    if (choices) return choices.map((choice) => this.members(choice, depth)).filter(Boolean);
    if (whole.items && depth < 3) return this.members(whole.items, depth);
    if (!whole.properties || depth > 3) return null;
    const required = new Set(whole.required ?? []);
    const rows = Object.entries(whole.properties).flatMap(([name, property]) => {
      const inner = property.contentSchema ?? property;
      const target = this.resolve(inner);
      const isDeep = target.properties || target.items || target.oneOf || target.anyOf;
      const deeper = isDeep ? this.members(inner, depth + 1) : null;
      const row = make("tr", {},
        make("td", {}, make("code", {}, name)),
        make("td", {}, make("code", {}, this.words(inner))),
        make("td", {}, required.has(name) ? "required" : "optional"),
        make("td", {}, prose(property.description ?? target.description ?? "")));
      if (!deeper || deeper.length === 0) return [row];
      const more = make("details", {}, make("summary", {}, "Members of ", make("code", {}, name)), deeper);
      return [row, make("tr", {}, make("td", { colspan: "4", class: "deeper" }, more))];
    });
    return table(["member", "type", "", ""], rows);
  }

  /** A value that the schema allows, as short as it can be. */
  sample(schema, name) {
    const whole = this.resolve(schema);
    if (whole.examples) return whole.examples[0];
    if ("const" in whole) return whole.const;
    if (whole.enum) return whole.enum[0];
    const choices = whole.oneOf ?? whole.anyOf;
    if (choices) return this.sample(choices[0], name);
    switch ([whole.type].flat()[0]) {
      case "object":
        return Object.fromEntries((whole.required ?? []).map((key) => [key, this.sample(whole.properties[key], key)]));
      case "array": return [];
      case "integer":
      case "number": return whole.minimum ?? 0;
      case "boolean": return true;
      default: return `$${(name ?? "value").toUpperCase()}`;
    }
  }
}

function table(heads, rows) {
  return make("div", { class: "table" },
    make("table", {},
      make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, rows)));
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The request as a command line. */
function curl(schemas, method, path, operation) {
  const words = ["curl"];
  if (operation.responses["200"]?.content?.["text/event-stream"]) words.push("-N");
  if (Object.keys(operation.responses["200"]?.content ?? {}).some((type) => /^audio|zip$/.test(type))) words.push("-OJ");
  if (operation.security.length) words.push('-H "Authorization: Bearer $KEY"');
  const body = operation.requestBody?.content ?? {};
  if (body["multipart/form-data"]) {
    const form = schemas.resolve(body["multipart/form-data"].schema);
    for (const name of form.required) {
      const isFile = form.properties[name].format === "binary";
      words.push(`-F ${name}=${isFile ? "@song.mp3" : schemas.sample(form.properties[name], name)}`);
    }
  } else if (body["application/json"]) {
    const sample = JSON.stringify(schemas.sample(body["application/json"].schema));
    words.push(`--json ${quoted(sample)}`);
  } else if (method !== "get") {
    words.push(`-X ${method.toUpperCase()}`);
  }
  words.push(`"${location.origin}${path.replaceAll(/\{(\w+)\}/g, (_, name) => `$${name.toUpperCase()}`)}"`);
  return words.join(" ");
}

function parameterTable(schemas, parameters) {
  return table(["name", "where", "type", "", ""], parameters.map((parameter) => make("tr", {},
    make("td", {}, make("code", {}, parameter.name)),
    make("td", {}, parameter.in),
    make("td", {}, make("code", {}, schemas.words(schemas.resolve(parameter.schema)))),
    make("td", {}, parameter.required ? "required" : "optional"),
    make("td", {}, prose(parameter.description)))));
}

function bodySection(schemas, body) {
  return Object.entries(body.content).map(([type, content]) => [
    make("h4", {}, "Body: ", make("code", {}, type)), make("p", { class: "facts" }, body.description),
    schemas.members(content.schema)]);
}

function answerRow(schemas, status, answer) {
  const isGood = Number(status) < 400;
  const content = Object.entries(answer.content ?? {});
  const fields = Object.keys(answer.headers).filter((name) => name !== "X-Request-Id");
  const body = isGood ? content.map(([type, one]) => {
    const members = schemas.members(one.schema);
    return members && members.length !== 0
      ? make("details", {}, make("summary", {}, make("code", {}, type)), members) : make("code", {}, type);
  }) : [];
  return make("tr", {},
    make("td", {}, make("code", { class: isGood ? "good" : "bad" }, status)),
    make("td", {}, make("p", {}, prose(answer.description)), body),
    make("td", {}, fields.flatMap((name) => [make("code", {}, name), " "])));
}

function article(schemas, method, path, operation) {
  const answers = Object.entries(operation.responses);
  const [good, bad] = [answers.filter(([status]) => status < 400), answers.filter(([status]) => status >= 400)];
  const guard = operation.security.length ? "an API key" : "no credential";
  return make("article", { id: operation.operationId },
    make("h3", {}, make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path)),
    make("p", { class: "facts" }, `${operation.summary}. Needs ${guard}; counts against the budget `,
      make("code", {}, operation["x-budget"]), "."),
    make("pre", {}, make("code", {}, curl(schemas, method, path, operation))),
    operation.parameters ? [make("h4", {}, "Parameters"), parameterTable(schemas, operation.parameters)] : null,
    operation.requestBody ? bodySection(schemas, operation.requestBody).flat() : null,
    make("h4", {}, "Answers"),
    table(["status", "what", "fields"], good.map(([status, answer]) => answerRow(schemas, status, answer))),
    make("details", {}, make("summary", {}, `Problems: ${bad.map(([status]) => status).join(", ")}`),
      table(["status", "codes", "fields"], bad.map(([status, answer]) => answerRow(schemas, status, answer)))));
}

function show(document_) {
  const schemas = new Schemas(document_.components.schemas);
  about.replaceChildren(document_.info.description, " ",
    make("a", { href: "/openapi.json" }, `OpenAPI ${document_.openapi}`), ".");
  for (const tag of document_.tags) {
    const section = make("section", {}, make("h2", {}, tag.name), make("p", {}, tag.description));
    const list = make("ul", {});
    for (const [path, methods] of Object.entries(document_.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (!operation.tags.includes(tag.name)) continue;
        const shown = article(schemas, method, path, operation);
        section.append(shown);
        const words = `${method} ${path} ${operation.operationId} ${operation.summary}`.toLowerCase();
        const item = make("li", {}, make("a", { href: `#${operation.operationId}` },
          make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path)));
        list.append(item);
        entries.push({ words, elements: [shown, item] });
      }
    }
    operations.append(section);
    contents.append(make("h2", {}, tag.name), list);
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

const entries = [];

filter.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase().split(/\s+/);
  for (const { words, elements } of entries) {
    const isShown = wanted.every((word) => words.includes(word));
    for (const element of elements) element.hidden = !isShown;
  }
});

try {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  show(await answer.json());
} catch (error) {
  about.replaceChildren("The document could not be read: ", error.message, ". ",
    make("a", { href: "/openapi.json" }, "/openapi.json"));
}
