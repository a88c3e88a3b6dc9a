//! Inputs that are broken, hostile or missing end in a finding or an error that names them, and nothing is written.

use std::{fmt::Write as _, fs};

use crate::program::{Repository, SMALL, Said};

/// Builds, and shows that nothing came of it.
fn refused(repository: &Repository) -> Said {
    let before = repository.files();
    let said = repository.run(&["build"]);
    assert!(repository.files() == before, "something was written: {}", said.stderr);
    assert!(!repository.path("out").exists() && !repository.path(".out.gitopsc").exists());
    assert!(!said.stderr.contains("bug of ours") && !said.stderr.contains("panicked"), "{}", said.stderr);
    said
}

/// The codes and the first place of what a build of this repository reports.
fn found(repository: &Repository) -> (Option<i32>, Vec<String>, String) {
    let said = refused(repository);
    let codes = said.codes().into_iter().map(str::to_owned).collect();
    let place = said.stderr.lines().find_map(|line| line.trim_start().strip_prefix("--> ")).unwrap_or_default();
    (said.exit, codes, place.to_owned())
}

fn one(code: &str, place: &str) -> (Option<i32>, Vec<String>, String) {
    (Some(1), vec![code.to_owned()], place.to_owned())
}

fn with(path: &str, bytes: impl AsRef<[u8]>) -> Repository {
    let repository = Repository::of(SMALL);
    repository.put(path, bytes);
    repository
}

const MANIFEST: &str = "templates/services/app/deep.yaml";

#[test]
fn an_inventory_that_is_missing_is_named_with_a_way_out() {
    let repository = Repository::new::<&str, &str>([]);
    let said = refused(&repository);
    let expected = "\
error[inventory-missing]: there is no `inventory.toml` here
 |
 = help: go to the folder that holds it, or name that folder with `-C DIR`

1 error
";
    assert_eq!((said.exit, said.stderr.as_str()), (Some(2), expected));
}

#[test]
fn an_empty_inventory_lacks_what_every_inventory_has() {
    for empty in ["", "\n", "# nothing\n", "\u{feff}"] {
        let (exit, codes, place) = found(&Repository::of(empty));
        assert_eq!(exit, Some(1));
        assert!(!codes.is_empty() && codes.iter().all(|code| code == "key-missing"), "{empty:?}: {codes:?}");
        assert!(place.starts_with("inventory.toml"), "{place}");
    }
}

#[test]
fn texts_that_are_not_utf8_are_named_at_the_first_wrong_byte() {
    let inventory = [SMALL.as_bytes(), b"# caf\xe9\n"].concat();
    let line = SMALL.lines().count() + 1;
    assert_eq!(found(&Repository::of(inventory)), one("not-utf8", &format!("inventory.toml:{line}:6")));
    let values = "templates/services/app/values.yaml.j2";
    assert_eq!(found(&with(values, b"a: 1\nb: \xff\n")), one("not-utf8", &format!("{values}:2:4")));
    // What Windows calls Unicode.
    let wide: Vec<u8> = SMALL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(found(&Repository::of([b"\xff\xfe".as_slice(), &wide].concat())), one("not-utf8", "inventory.toml:1:1"));
}

#[test]
fn nul_bytes_are_an_error_where_they_stand() {
    let (exit, codes, place) = found(&Repository::of(format!("{SMALL}vars = {{ a = \"x\0y\" }}\n")));
    assert_eq!((exit, codes), (Some(1), vec!["toml-syntax".to_owned()]));
    assert!(place.starts_with("inventory.toml:12:"), "{place}");
    let (exit, codes, place) = found(&with(MANIFEST, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"a\0b\"\n"));
    assert_eq!((exit, codes), (Some(1), vec!["yaml-syntax".to_owned()]));
    assert!(place.starts_with(&format!("{MANIFEST}:4:")), "{place}");
}

#[test]
fn a_hundred_thousand_levels_end_in_an_error() {
    const LEVELS: usize = 100_000;
    let mut block = String::new();
    for level in 0..2_000 {
        writeln!(block, "{}a:", " ".repeat(level)).unwrap();
    }
    let texts = [
        ("flow lists", "[".repeat(LEVELS)),
        ("flow maps", "{a: ".repeat(LEVELS)),
        ("closed flow", format!("{}{}", "[".repeat(LEVELS), "]".repeat(LEVELS))),
        ("lists in one line", "- ".repeat(LEVELS)),
        ("block maps", block),
    ];
    for (what, text) in texts {
        for path in [MANIFEST, "templates/services/app/values.yaml.j2"] {
            let (exit, codes, place) = found(&with(path, &text));
            assert_eq!((exit, codes), (Some(1), vec!["yaml-too-deep".to_owned()]), "{what}");
            assert!(place.starts_with(path), "{what}: {place}");
        }
    }
    let deep = format!("{SMALL}vars = {{ a = {} }}\n", "[".repeat(LEVELS));
    let (exit, codes, _) = found(&Repository::of(deep));
    assert_eq!((exit, codes.first().map(String::as_str)), (Some(1), Some("toml-syntax")));
    let deep = format!("{SMALL}[{}]\n", vec!["a"; LEVELS].join("."));
    let (exit, codes, _) = found(&Repository::of(deep));
    assert_eq!(exit, Some(1), "{codes:?}");
}

#[test]
fn a_deep_template_ends_in_an_error() {
    let values = "templates/services/app/values.yaml.j2";
    for text in [
        format!("a: {{{{ {}1{} }}}}\n", "(".repeat(100_000), ")".repeat(100_000)),
        format!("a: {{{{ {} }}}}\n", "not ".repeat(100_000)),
        "{% if true %}".repeat(100_000),
        format!("a: {{{{ 1{} }}}}\n", " + 1".repeat(100_000)),
        format!("a: {{{{ cluster{} }}}}\n", ".name".repeat(100_000)),
        format!("a: {{{{ 1{} }}}}\n", " | string".repeat(100_000)),
        format!("a: {{{{ 1{} }}}}\n", " if true else 1".repeat(100_000)),
        format!("{{% if false %}}{}{{% endif %}}\n", "{% elif false %}".repeat(100_000)),
    ] {
        let (exit, codes, place) = found(&with(values, &text));
        assert_eq!((exit, codes), (Some(1), vec!["template-syntax".to_owned()]), "{}", &text[..40]);
        assert!(place.starts_with(values), "{place}");
    }
}

#[test]
fn a_long_expression_is_no_deep_one() {
    let list = vec!["\"a\""; 2_000].join(", ");
    let values = format!("sum: {{{{ 0{} }}}}\nlength: {{{{ [{list}] | length }}}}\n", " + 1".repeat(400));
    let repository = with("templates/services/app/values.yaml.j2", values);
    let said = repository.run(&["build"]);
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    assert!(repository.read("out/apps/app/app/helmrelease.yaml").ends_with("    sum: 400\n    length: 2000\n"));
}

#[test]
fn a_billion_laughs_end_in_an_error() {
    let mut text = String::from("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: app}\nl0: &l0 lol\n");
    for level in 1..=9 {
        let ten = vec![format!("*l{}", level - 1); 10].join(", ");
        writeln!(text, "l{level}: &l{level} [{ten}]").unwrap();
    }
    assert_eq!(found(&with(MANIFEST, &text)).1, ["yaml-too-large"]);
    assert_eq!(found(&with("templates/services/app/values.yaml.j2", &text)).1, ["yaml-too-large"]);
}

#[test]
fn a_template_that_never_ends_or_prints_too_much_is_stopped() {
    let values = "templates/services/app/values.yaml.j2";
    for text in [
        // 50 MB in few steps, and in many.
        "{% set a = 'xxxxxxxxxx' * 5000000 %}\na: {{ a }}\n",
        "{% for i in range(5000) %}\na{{ i }}: {{ 'x' * 10000 }}\n{% endfor %}\n",
        "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}\n",
    ] {
        let (exit, codes, place) = found(&with(values, text));
        assert_eq!((exit, codes), (Some(1), vec!["template-too-large".to_owned()]), "{text}");
        assert!(place.starts_with(values), "{text}: {place}");
    }
}

#[test]
fn a_folder_where_a_file_belongs_is_named() {
    let repository = Repository::new::<&str, &str>([]);
    fs::create_dir(repository.path("inventory.toml")).unwrap();
    let said = refused(&repository);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(2), "error: cannot read `inventory.toml`: is a directory\n"));

    let repository = Repository::of(format!("{SMALL}\n[sealing]\ncert = \"certs\"\n"));
    fs::create_dir(repository.path("certs")).unwrap();
    let said = refused(&repository);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(2), "error: cannot read `certs`: is a directory\n"));

    let repository = with("templates/services/app/values.yaml.j2/oops.txt", "a: 1\n");
    let said = repository.run(&["build"]);
    assert_eq!((said.exit, said.codes()), (Some(0), vec!["template-unused"]), "{}", said.stderr);
}

#[test]
fn a_file_nobody_may_read_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let values = "templates/services/app/values.yaml.j2";
    let repository = with(values, "a: 1\n");
    fs::set_permissions(repository.path(values), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(repository.path(values)).is_ok() {
        return; // root reads everything
    }
    let said = refused(&repository);
    assert_eq!((said.exit, said.stderr), (Some(2), format!("error: cannot read `{values}`: permission denied\n")));
}

#[test]
fn a_file_far_too_large_is_not_parsed() {
    let repository = Repository::of(SMALL);
    repository.put(MANIFEST, "");
    // Sparse: it costs no disk.
    fs::File::options().write(true).open(repository.path(MANIFEST)).unwrap().set_len(1 << 30).unwrap();
    let said = repository.run(&["build"]);
    assert_eq!((said.exit, said.codes()), (Some(1), vec!["file-too-large"]), "{}", said.stderr);
    assert!(!repository.path("out").exists());
}

#[test]
fn windows_line_ends_and_byte_order_marks_change_nothing() {
    let values = "# why\nreplicas: 2\n\ntext: |\n  one\n\n  two\n";
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: {{ service.namespace }}\ndata:\n  key: |\n    one\n    two\n";
    let files = |change: &dyn Fn(&str) -> String| {
        let repository = Repository::of(change(SMALL));
        repository.put("templates/services/app/values.yaml.j2", change(values));
        repository.put("templates/services/app/config.yaml.j2", change(manifest));
        let said = repository.run(&["build"]);
        assert_eq!((said.exit, said.codes()), (Some(0), Vec::new()), "{}", said.stderr);
        let mut files = repository.files();
        files.retain(|path, _| path.starts_with("out/"));
        files
    };
    let plain = files(&str::to_owned);
    assert_eq!(files(&|text| text.replace('\n', "\r\n")), plain);
    assert_eq!(files(&|text| format!("\u{feff}{text}")), plain);
    assert_eq!(files(&|text| format!("\u{feff}{}", text.replace('\n', "\r\n"))), plain);
}

#[test]
fn findings_after_windows_line_ends_and_marks_are_at_the_same_place() {
    let text = SMALL.replace("[services.app]\n", "[services.app]\nintervall = \"1h\"\n");
    let plain = one("key-unknown", "inventory.toml:11:1");
    assert_eq!(found(&Repository::of(&text)), plain);
    assert_eq!(found(&Repository::of(text.replace('\n', "\r\n"))), plain);
    assert_eq!(found(&Repository::of(format!("\u{feff}{text}"))), plain);
}

#[test]
fn a_template_reads_nothing_of_the_machine() {
    let values = "templates/services/app/values.yaml.j2";
    for text in [
        "a: {% include '/etc/hostname' %}\n",
        "a: {% include '../../../../inventory.toml' %}\n",
        "a: {{ env('HOME') }}\n",
        "a: {{ lookup('env', 'HOME') }}\n",
    ] {
        let (exit, codes, place) = found(&with(values, text));
        assert_eq!(exit, Some(1), "{text}");
        assert!(codes.len() == 1 && codes[0].starts_with("template-"), "{text}: {codes:?}");
        assert!(place.starts_with(values), "{text}: {place}");
    }
}
