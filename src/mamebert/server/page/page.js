"use strict";
const at = (id) => document.getElementById(id);
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const isPair = (model) => (model.columns || []).length > 1;
let models = [], model, view, example = 0, sent = null;

// Each view: which models it is for, its fields (name, label, rows; 0 is one line), examples, request and drawing.
const LABELS = ["classification", "long_documents", "multi_label", "taxonomy", "regression"];
const TEXTS = ["The old boat meets the rope.", "雨の日に、古い本屋で一冊の詩集を見つけた。", "פגשתי את הסירה הישנה ליד המזח."];
const SEVERAL = ["The boat left the harbour.\nA ship sailed from the port.\nSalt the bread before baking it.\n船が港を出た。"];
const VIEWS = [
  {
    name: "Fill the gap", for: (m) => m.kind === "fill-mask", fields: [["text", "Text with a gap", 2]],
    examples: (m) => [`The old ${m.mask_token} meets the rope.`, `彼は${m.mask_token}を読んだ。`, `A ${m.mask_token} of the ${m.mask_token}.`]
      .map((text) => ({ text })),
    ask: (m, given) => ["/v1/fill-mask", { model: m.id, inputs: given.text, top: 8 }],
    draw: (answer) => answer.answers[0].masks.flatMap((words, number) =>
      [element("h2", {}, `Gap ${number + 1}`), bars(words)]),
  },
  {
    name: "Classify", for: (m) => LABELS.includes(m.kind),
    fields: (m) => (isPair(m) ? [["text", m.columns[0], 2], ["second", m.columns.slice(1).join(", "), 2]] : [["text", "Text", 3]]),
    examples: () => TEXTS.map((text, number) => ({ text, second: TEXTS[(number + 1) % 3] })),
    ask: (m, given) => ["/predict", { model: m.id, inputs: isPair(m) && given.second ? [given.text, given.second] : given.text }],
    draw: (answer) => [bars(answer.map((each) => [each.label, each.score]), model.kind !== "regression" && model.kind !== "taxonomy")],
  },
  {
    name: "Mark", for: (m) => m.kind === "tagging", fields: [["text", "Text", 3]],
    examples: () => TEXTS.map((text) => ({ text })),
    ask: (m, given) => [`/models/${encodeURIComponent(m.id)}`, { inputs: given.text }],
    draw: (answer, given) => [
      marked(given.text, answer.map((each) => ({ ...each, label: each.entity_group }))),
      element("p", { class: "quiet" }, answer.length ? `${answer.length} marked` : "Nothing is marked in this text.")],
  },
  {
    name: "Answer", for: (m) => m.kind === "span_qa", fields: [["question", "Question", 0], ["context", "Passage", 5]],
    examples: () => [
      { question: "What does the boat meet?", context: "The old boat meets the rope. A gull leaves the pier." },
      { question: "詩集はどこで見つかりましたか。", context: TEXTS[1] }],
    ask: (m, given) => ["/v1/answer", { model: m.id, question: given.question, context: given.context }],
    draw: (answer, given) => {
      const [best] = answer.answers;
      if (best.unanswered) return [element("p", { class: "wrong" }, `No answer: ${best.unanswered}.`)];
      return [marked(given.context, [{ ...best, label: "" }]),
        bars((best.n_best || [best]).map((each) => [each.text || "(no answer)", each.score]))];
    },
  },
  {
    name: "Compare", for: (m) => m.kind === "sentence_embeddings", fields: [["texts", "Texts, one a line", 5]],
    examples: () => SEVERAL.map((texts) => ({ texts })),
    ask: (m, given) => ["/embed", { model: m.id, inputs: lines(given.texts) }],
    draw: (vectors, given) => [matrix(lines(given.texts), vectors.map((one) => vectors.map((other) => dot(one, other))), "Cosines")],
  },
  {
    name: "Nearest", for: (m) => m.kind === "sentence_embeddings", fields: [["query", "Text", 0], ["texts", "Among these, one a line", 5]],
    examples: () => SEVERAL.map((texts) => ({ query: "A vessel at sea", texts })),
    ask: (m, given) => ["/rerank", { model: m.id, query: given.query, texts: lines(given.texts) }],
    draw: (found, given) => [bars(found.map((each) => [lines(given.texts)[each.index], each.score]), false)],
  },
  {
    name: "Choose", for: (m) => m.kind === "multiple_choice", fields: [["question", "Question", 0], ["choices", "Choices, one a line", 4]],
    examples: () => [{ question: "What does the boat meet?", choices: "the rope\nthe bread\nthe leaf" }],
    ask: (m, given) => ["/v1/choose", { model: m.id, question: given.question, choices: lines(given.choices) }],
    draw: (answer) => [bars([[answer.answers[0].text, answer.answers[0].probability]])],
  },
  {
    name: "Parse", for: (m) => m.kind === "dependency_parsing", fields: [["text", "Sentence", 2]],
    examples: () => TEXTS.map((text) => ({ text })),
    ask: (m, given) => ["/v1/parse", { model: m.id, inputs: given.text }],
    draw: (answer) => {
      const [found] = answer.answers;
      return [found.unanswered ? element("p", { class: "wrong" }, found.unanswered) : tree(found.words, found.heads, found.deprels)];
    },
  },
  {
    name: "Sum up", for: (m) => m.kind === "extractive_summary", fields: [["text", "Text", 8]],
    examples: () => [{ text: "The old boat meets the rope. A gull leaves the pier. The tide holds the net. Salt the bread." }],
    ask: (m, given) => ["/v1/summarise", { model: m.id, inputs: given.text }],
    draw: (answer, given) => [marked(given.text, (answer.answers[0].sentences || []).map((each) => ({ ...each, label: "" })))],
  },
  {
    name: "Attention", for: (m) => m.has_attention, fields: [["text", "Sentence", 2]],
    examples: () => TEXTS.map((text) => ({ text })),
    ask: (m, given) => ["/v1/attention", { model: m.id, text: given.text }],
    draw: drawAttention,
  },
];

const dot = (one, other) => one.reduce((sum, value, number) => sum + value * other[number], 0);

function drawAttention(answer) {
  const place = element("div");
  const chooser = (id, label, count) => {
    const select = element("select", { id });
    for (let number = 0; number < count; number += 1) select.append(element("option", { value: String(number) }, String(number + 1)));
    select.addEventListener("change", show);
    return [element("label", { for: id }, label), select];
  };
  function show() {
    const layer = Number(at("layer").value), head = Number(at("head").value);
    const title = `Layer ${layer + 1}, head ${head + 1}: what each token (row) looks at`;
    const map = answer.attention[layer][head];
    place.replaceChildren(map ? attentionMap(answer.tokens, map, title) : element("p", {}, "This layer has no such head."));
  }
  const most = Math.max(0, ...answer.attention.map((heads) => heads.length));  // pruned layers have fewer
  if (!most) return [element("p", {}, "This encoder has no heads.")];
  setTimeout(show);
  return [element("div", { class: "row" }, ...chooser("layer", "Layer", answer.attention.length), ...chooser("head", "Head", most)), place];
}

function headers() {
  const key = at("key").value.trim();
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

async function fetched(path, body) {
  const how = body ? { method: "POST", body: JSON.stringify(body) } : {};
  const response = await fetch(path, { ...how, headers: headers() });
  const told = await response.json().catch(() => ({ error: "The server gave no JSON." }));
  if (response.status === 401) at("key-part").hidden = false;
  if (!response.ok) throw new Error((told.error && told.error.message) || told.error || `Status ${response.status}.`);
  return told;
}

function given() {
  return Object.fromEntries([...at("fields").querySelectorAll("[name]")].map((field) => [field.name, field.value]));
}

function tellWrong(error) {
  at("result").replaceChildren(element("p", { class: "wrong", role: "alert" }, error.message));
}

async function ask(event) {
  event.preventDefault();
  const values = given(), [path, body] = view.ask(model, values), mine = (sent = {});
  at("go").disabled = true;
  const started = performance.now();
  try {
    const answer = await fetched(path, body);
    if (mine !== sent) return; // another view was chosen meanwhile
    at("result").replaceChildren(...view.draw(answer, values));
    at("time").textContent = `${Math.round(performance.now() - started)} ms`;
  } catch (error) {
    if (mine === sent) tellWrong(error);
  } finally {
    at("go").disabled = false;
  }
}

async function copyCurl() {
  const [path, body] = view.ask(model, given());
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const key = at("key").value ? ' -H "Authorization: Bearer $MAMEBERT_API_KEY"' : "";
  const told = `curl ${quoted(location.origin + path)} -H 'Content-Type: application/json'${key} -d ${quoted(JSON.stringify(body))}`;
  at("command").textContent = told;
  at("command").hidden = false;
  try {
    await navigator.clipboard.writeText(told);
    at("time").textContent = "copied";
  } catch {
    at("time").textContent = "Copy it from below."; // only pages of this machine or https may
  }
}

function fill() {
  const all = view.examples(model), chosen = all[example % all.length];
  for (const field of at("fields").querySelectorAll("[name]")) field.value = chosen[field.name] ?? "";
}

function show(chosen) {
  view = chosen;
  sent = null;
  example = 0;
  const fields = typeof view.fields === "function" ? view.fields(model) : view.fields;
  at("title").textContent = view.name;
  at("fields").replaceChildren(...fields.flatMap(([name, label, rows]) => {
    const field = rows ? element("textarea", { name, id: name, rows: String(rows), dir: "auto" }) : element("input", { name, id: name, dir: "auto" });
    return [element("label", { for: name }, label), field];
  }));
  for (const button of at("views").children) button.setAttribute("aria-pressed", String(button.textContent === view.name));
  at("result").replaceChildren();
  at("command").hidden = true;
  at("time").textContent = "";
  fill();
}

function choose() {
  model = models.find((each) => each.id === at("model").value);
  const suiting = VIEWS.filter((each) => each.for(model));
  at("about").textContent = model.kind || "not ready";
  at("views").replaceChildren(...suiting.map((each) => {
    const button = element("button", { type: "button", "aria-pressed": "false" }, each.name);
    button.addEventListener("click", () => show(each));
    return button;
  }));
  at("ask").hidden = !suiting.length;
  if (suiting.length) show(suiting[0]);
}

async function begin() {
  try {
    models = (await fetched("/v1/models")).data;
  } catch (error) {
    tellWrong(error);
    return;
  }
  at("result").replaceChildren();
  at("model").replaceChildren(...models.map((each) => element("option", { value: each.id }, each.id)));
  choose();
}

at("model").addEventListener("change", choose);
at("key").addEventListener("change", begin);
at("ask").addEventListener("submit", ask);
at("ask").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("ask").requestSubmit();
});
at("example").addEventListener("click", () => { example += 1; fill(); });
at("curl").addEventListener("click", copyCurl);
begin();
