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
        Value::Array(items) => items.iter().flat_map(|item| ["- ".to_owned(), write(item)]).collect(),
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
fn blocks_leave_no_trace_and_values_print_as_yaml_reads_them() {
    let context =
        json!({ "on": true, "host": "a", "big": 1e21, "half": 0.5, "list": ["x", 2], "map": { "k": { "z": 1 } } });
    let text = "\
# {{ host }}
{% if on %}
on: {{ on }}
{% endif %}
url: http://{{ host }}/
big: {{ big }} {{ half }} {{ 3 }}
joined: {{ list | join(',') }}
string: {{ host | q }}
spec:
  {{ map | to_yaml | indent(2) }}
list:
{{ list | to_yaml | indent(2, true) }}
say: {{ 'x' ~ on ~ 1 }}
";
    let expected = "\
# a
on: true
url: http://a/
big: 1.0e+21 0.5 3
joined: x,2
string: \"a\"
spec:
  k:
    z: 1
list:
  - \"x\"
  - 2
say: xtrue1
";
    assert_eq!(rendered(text, &context), expected);
}

#[test]
fn includes_and_macros_come_from_the_folder_alone() {
    let case = Case::new(
        &[
            ("templates/main.j2", "{% from 'lib/m.j2' import f %}\n{{ f(1) }}{% include 'part.j2' %}\n"),
            ("templates/lib/m.j2", "{% macro f(x) %}\n<{{ x }}>\n{% endmacro %}\n"),
            ("templates/part.j2", "part {{ x }}\n"),
        ],
        &json!({ "x": "y" }),
    );
    assert_eq!(case.render(), Ok("<1>\npart y\n".to_owned()));
}

#[test]
fn a_context_with_further_names_keeps_the_others() {
    let context = Context::new(&json!({ "a": 1, "b": 2 })).with(&json!({ "b": 3, "c": 4 }));
    let mut case = main("{{ a }}{{ b }}{{ c }}", &json!({}));
    case.context = context;
    assert_eq!(case.render(), Ok("134".to_owned()));
}

/// The first line of the report and the place.
fn head(text: &str) -> String {
    let context = json!({ "pools": { "ingress": { "ip": "10.0.0.1" } }, "x": "y" });
    let mut case = main(text, &context);
    case.templates.add("templates/part.j2", case.sources.add("templates/part.j2", "a\n"), "a\n");
    let fault = case.fault();
    let lines: Vec<&str> = fault.lines().collect();
    let under = lines.iter().find(|line| line.contains('^')).expect("something is marked");
    let marked = under.find('^').expect("a caret is there") - "1 | ".len();
    let length = under.matches('^').count();
    let help = lines.iter().find_map(|line| line.split_once("= help: ")).map_or("", |(_, help)| help);
    let at: String = text.chars().skip(marked).take(length).collect();
    format!("{} | {at} | {help}", lines[0])
}

#[test]
fn a_fault_is_at_its_characters() {
    let default = "give it a value, or say what else to print: `| default(…)`";
    for (text, expected) in [
        ("{{ nope }}", format!("error[template-undefined]: `nope` is undefined | nope | {default}")),
        ("{% if nope %}{% endif %}", format!("error[template-undefined]: `nope` is undefined | nope | {default}")),
        ("{{ nope | to_yaml }}", format!("error[template-undefined]: `nope` is undefined | nope | {default}")),
        ("{{ 'a' ~ nope }}", format!("error[template-undefined]: `nope` is undefined | nope | {default}")),
        (
            "{{ pools.ingres.ip }}",
            "error[template-undefined]: `pools.ingres.ip` is undefined | pools.ingres.ip | did you mean `pools.ingress`?".to_owned(),
        ),
        (
            "{{ pool }}",
            "error[template-undefined]: `pool` is undefined | pool | did you mean `pools`?".to_owned(),
        ),
        (
            "{{ none }}",
            "error[template-error]: this is none, which has no text | none | print it with `| to_yaml`, or give it a value with `| default(…, true)`".to_owned(),
        ),
        (
            "{{ 'a' ~ [x] }}",
            "error[template-error]: this is a list, which has no text of its own | [x] | print it with `| to_yaml`, or as one string with `| join(\",\")`".to_owned(),
        ),
        ("{{ x | frob }}", "error[template-error]: there is no filter `frob` | frob | ".to_owned()),
        ("{{ debug() }}", "error[template-error]: there is no function `debug` | debug() | ".to_owned()),
        (
            "{% include 'prt.j2' %}",
            "error[template-error]: there is no template `templates/prt.j2` | include 'prt.j2' | did you mean `part.j2`?".to_owned(),
        ),
        (
            "{% include '../main.j2' %}",
            "error[template-error]: this name leaves the folder `templates/` | include '../main.j2' | name a template by its path below `templates/`, without `.` and `..`".to_owned(),
        ),
        (
            "{% import '/etc/passwd' as p %}",
            "error[template-error]: this name leaves the folder `templates/` | import '/etc/passwd' as p | name a template by its path below `templates/`, without `.` and `..`".to_owned(),
        ),
        ("{{ x }", "error[template-syntax]: unexpected `}`, expected end of variable block | } | an expression ends with `}}`".to_owned()),
    ] {
        assert_eq!(head(text), expected, "{text}");
    }
}

#[test]
fn a_fault_in_an_included_template_shows_who_includes_it() {
    let case = Case::new(
        &[("templates/main.j2", "a: 1\n{% include 'part.j2' %}\n"), ("templates/part.j2", "b: 2\nc: {{ nope.x }}\n")],
        &json!({}),
    );
    let expected = "\
error[template-undefined]: `nope.x` is undefined
 --> templates/part.j2:2:7
  |
2 | c: {{ nope.x }}
  |       ^^^^^^
  |
 ::: templates/main.j2:2:4
  |
2 | {% include 'part.j2' %}
  |    ----------------- included here
  |
  = help: give it a value, or say what else to print: `| default(…)`

1 error
";
    assert_eq!(case.fault(), expected);
}

#[test]
fn hostile_templates_end_in_an_error() {
    let mebibyte = "x".repeat(1 << 20);
    let printing = format!("{{% for i in range(10000) %}}{mebibyte}{{% endfor %}}");
    let capturing = format!("{{% set s %}}{{% for i in range(10000) %}}{mebibyte}{{% endfor %}}{{% endset %}}");
    for text in [
        printing.as_str(),
        capturing.as_str(),
        "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set n.s = n.s * 2 %}{% endfor %}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set t %}{{ n.s }}{{ n.s }}{% endset %}{% set n.s = t %}{% endfor %}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set n.s = [n.s, n.s] | join %}{% endfor %}",
        "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}",
        "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = (n.s, n.s) %}{% endfor %}",
        "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = {'a': n.s, 'b': n.s} %}{% endfor %}",
        "{% set n = namespace(s=[1]) %}{% for i in range(9000) %}{% set n.s = [n.s] %}{% endfor %}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '%*d' | format(1000000000, 1) }}",
        "{{ ('x' * 100000) | replace('x', 'y' * 100000) }}",
        "{{ 'x' | indent(1000000000, true) }}",
        "{{ 'x' | indent(width=1000000000, first=true) }}",
        "{{ [1] | batch(1000000000, 0) | list }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include 'main.j2' %}",
    ] {
        let codes: Vec<&str> = match main(text, &json!({})).render() {
            Ok(output) => panic!("{} bytes from {}", output.len(), &text[..text.len().min(120)]),
            Err(diagnostics) => diagnostics.iter().map(|diagnostic| diagnostic.code.name()).collect(),
        };
        assert_eq!(codes, ["template-too-large"], "{}", &text[..text.len().min(120)]);
    }
}

fn nested() -> Case {
    Case::new(
        &[
            (
                "templates/main.j2",
                "\
{% import 'macros.j2' as m %}
kind: {{ kind }}
metadata:
  name: a-{{ name }}-z # c
{% for i in items %}
  - n{{ i.a }}: {{ i.b }}
    {% if i.a %}
    yes: {{- ' ' ~ i.a }}
    {% endif %}
{% endfor %}
{% include 'part.j2' %}
data:
  {{ data | to_yaml | indent(2) }}
{% set block %}
  in: block {{ name }}
{% endset %}
{{ block }}last: {{ m.f('arg') }}
{% raw %}
raw: {{ not }} {% a %}
{% endraw %}
",
            ),
            ("templates/part.j2", "part:\n  list: [ {{ items | map(attribute='a') | join(', ') }} ]\n\n  end: 1\n"),
            ("templates/macros.j2", "{% macro f(x) %}\n[{{ x }},\n two]{% endmacro %}\n"),
        ],
        &json!({
            "kind": "ConfigMap", "name": "me",
            "items": [{ "a": 1, "b": true }, { "a": 2, "b": false }],
            "data": { "x": { "y": "zz" }, "w": 7 },
        }),
    )
}

#[test]
fn rendered_text_is_traced_to_the_templates_characters() {
    let case = nested();
    for (text, place, origin, exact) in [
        ("kind", "templates/main.j2:2:1", "kind", true),
        ("ConfigMap", "templates/main.j2:2:7", "{{ kind }}", false),
        ("  name: a", "templates/main.j2:4:1", "  name: a", true),
        ("kind: ConfigMap", "templates/main.j2:2:1", "kind: {{ kind }}", false),
        ("metadata:", "templates/main.j2:3:1", "metadata:", true),
        ("a-me-z", "templates/main.j2:4:9", "a-{{ name }}-z", false),
        ("# c", "templates/main.j2:4:24", "# c", true),
        ("false", "templates/main.j2:6:17", "{{ i.b }}", false),
        ("yes", "templates/main.j2:8:5", "yes", true),
        ("list: [", "templates/part.j2:2:3", "list: [", true),
        ("1, 2", "templates/part.j2:2:11", "{{ items | map(attribute='a') | join(', ') }}", false),
        ("end: 1", "templates/part.j2:4:3", "end: 1", true),
        ("zz", "templates/main.j2:13:3", "{{ data | to_yaml | indent(2) }}", false),
        ("block me", "templates/main.j2:15:7", "block {{ name }}", false),
        ("last", "templates/main.j2:17:12", "last", true),
        ("arg", "templates/macros.j2:2:2", "{{ x }}", false),
        ("two]", "templates/macros.j2:3:2", "two]", true),
        ("{% a %}", "templates/main.j2:19:16", "{% a %}", true),
    ] {
        assert_eq!(case.origin(text), (place.to_owned(), origin.to_owned(), exact), "{text}");
    }
}

#[test]
fn every_byte_of_a_rendered_text_has_an_origin() {
    let case = nested();
    let rendered = case.render().expect("the template is right");
    let map = case.templates.locate("templates/main.j2", &case.context, &rendered);
    for start in 0..=rendered.len() {
        for end in start..=rendered.len() {
            let (place, exact) = map.place(Span::new(start, end)).expect("it is mapped");
            let text =
                case.sources.get(place.source).text.get(place.span.range()).expect("the place is in the template");
            assert!(!exact || text == &rendered[start..end], "{start}..{end}: {text:?} is {:?}", &rendered[start..end]);
        }
    }
}

#[test]
fn a_template_that_measures_itself_is_named_as_a_whole() {
    let case = main("{% set s %}\nab\n{% endset %}\na: {{ s | length }}\nb: 1\n", &json!({}));
    assert_eq!(case.origin("b: 1"), ("templates/main.j2:1:1".to_owned(), "{% set s %}".to_owned(), false));
}

#[test]
fn a_finding_in_rendered_text_is_shown_in_the_template() {
    let mut case = nested();
    let rendered = case.render().expect("the template is right");
    let source = case.sources.add_rendered("templates/main.j2", &rendered);
    let at = |text: &str| {
        let start = rendered.find(text).expect("it is rendered");
        Place { source, span: Span::new(start, start + text.len()) }
    };
    let mut renders = Renders::default();
    renders.add(source, "templates/main.j2", &case.context);
    let code = crate::code!("template-error");
    let mut diagnostics = [
        Diagnostic::new(code, "this kind is unknown")
            .at(at("ConfigMap"), "known are others")
            .at(at("metadata"), "of this"),
        Diagnostic::new(code, "here is an edit").at(at("end"), "").edit(at("end"), "start", "write `start`"),
        Diagnostic::new(code, "here is none").at(at("zz"), "").edit(at("zz"), "z", "write `z`"),
    ];
    renders.translate(&mut diagnostics, &case.templates, &case.sources);
    let expected = "\
error[template-error]: this kind is unknown
 --> templates/main.j2:2:7
  |
2 | kind: {{ kind }}
  |       ^^^^^^^^^^ known are others (rendered line 1: `ConfigMap`)
3 | metadata:
  | -------- of this

error[template-error]: here is an edit
 --> templates/part.j2:4:3
  |
4 |   end: 1
  |   ^^^
  |
help: write `start`
  |
4 -   end: 1
4 +   start: 1
  |

error[template-error]: here is none
  --> templates/main.j2:13:3
   |
13 |   {{ data | to_yaml | indent(2) }}
   |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ (rendered line 14: `zz`)
   |
   = help: write `z`

3 errors
";
    let shown = report(Format::default(), &Report { sources: &case.sources, diagnostics: &diagnostics }, false);
    assert_eq!(shown, expected);
}
