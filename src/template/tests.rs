use serde_json::json;

use super::*;
use crate::{
    report::{Format, Report, render as report},
    source::{Place, Sources, Span},
};

/// A stand-in for the YAML writer: what these tests say about placing does not depend on it.
const WRITER: Writer = Writer { write, quoted };

fn write(value: &Value) -> String {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| match value {
                Value::Object(_) => format!("{key}:\n  {}\n", write(value).trim_end().replace('\n', "\n  ")),
                _ => format!("{key}: {}", write(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| format!("- {}", write(item))).collect(),
        scalar => format!("{scalar}\n"),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

struct Case {
    sources: Sources,
    templates: Templates,
    context: Context,
}

impl Case {
    fn new(files: &[(&str, &str)], context: &Value) -> Self {
        let mut sources = Sources::default();
        let mut templates = Templates::new(WRITER);
        for (path, text) in files {
            let source = sources.add(*path, *text);
            templates.add(path, source, text);
        }
        Case { sources, templates, context: Context::new(context) }
    }

    fn render(&self) -> Result<String, Vec<Diagnostic>> {
        self.templates.render("templates/main.j2", &self.context)
    }

    fn fault(&self) -> String {
        let diagnostics = self.render().expect_err("the template is wrong");
        report(Format::default(), &Report { sources: &self.sources, diagnostics: &diagnostics }, false)
    }

    /// The template's place, characters and exactness behind the first occurrence of a rendered text.
    fn origin(&self, rendered_text: &str) -> (String, String, bool) {
        let rendered = self.render().expect("the template is right");
        let start = rendered.find(rendered_text).expect("it is rendered");
        let map = self.templates.locate("templates/main.j2", &self.context, &rendered);
        let (place, exact) = map.place(Span::new(start, start + rendered_text.len())).expect("it is mapped");
        let path = &self.sources.get(place.source).path;
        let line = self.sources.position(place);
        (format!("{path}:{line}"), self.sources.text(place).to_owned(), exact)
    }
}

fn main(text: &str, context: &Value) -> Case {
    Case::new(&[("templates/main.j2", text)], context)
}

fn rendered(text: &str, context: &Value) -> String {
    main(text, context).render().expect("the template is right")
}

#[test]
fn explore() {
    for t in [
        "a: {{ nope }}\n",
        "a: {{ pools.ingres.ip }}\n",
        "a: {{ pools }}\n",
        "a: {{ 'x' ~ none }}\n",
        "a:\n  b: {{ x | frob }}\n",
        "a: {{ x }\n",
        "{% include 'b.j2' %}\n",
        "{% if %}",
        "{% set a = 'x' ~ [1] %}",
        "{{ x.y.z }}",
        "{% if nope %}a{% endif %}",
        "{{ 'a' ~ nope }}",
        "{% for i in range(100000000) %}{% endfor %}",
        "{{ nope() }}",
        "{{ pools.items() }}",
        "{{ 1/0 }}",
        "{{ nope | to_yaml }}",
        "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(600) %}{% set ns.s = [ns.s] %}{% endfor %}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ ('x' * 100000) | replace('x', 'y' * 100000) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include 'main.j2' %}",
        "{{ 'x' | indent(1000000000, true) }}",
    ] {
        let start = std::time::Instant::now();
        let case = main(t, &json!({"pools": {"ingress": {"ip": "10.0.0.1"}}, "x": "y"}));
        match case.render() {
            Ok(text) => println!("OK {} bytes from {t}", text.len()),
            Err(_) => println!("{}{:?}\n", case.fault(), start.elapsed()),
        }
    }
}
