//! What the documents say is so: README's examples, the reference made from the types, named files and commands.
//!
//! `GITOPSC_DOCS=write cargo test --test it docs` writes schema, reference and the README's reports anew, to be read word by
//! word before they are committed.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use gitopsc::{
    cli::{self, Answer, Arguments, Surroundings},
    inventory, settings,
    world::MemWorld,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The block of a page whose fence says this after its language.
fn block<'p>(page: &'p str, fence: &str) -> &'p str {
    let (_, opened) = page.split_once(&format!("\n```{fence}\n")).unwrap_or_else(|| panic!("no block ```{fence}"));
    let end = if opened.starts_with("```") { 0 } else { opened.find("\n```").expect("every block is closed") + 1 };
    &opened[..end]
}

/// Fails unless the README shows this text under this fence.
fn shown(fence: &str, text: &str) {
    shown_in("README.md", fence, text);
}

/// Fails unless a page shows this text under this fence.
fn shown_in(path: &str, fence: &str, text: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _alone = WRITING.lock();
    let mut shown = page(path);
    if env::var_os("GITOPSC_DOCS").is_some() {
        let old = format!("\n```{fence}\n{}```", block(&shown, fence));
        shown = shown.replacen(&old, &format!("\n```{fence}\n{text}```"), 1);
        // In one step, because other tests read it meanwhile.
        let unfinished = Path::new(env!("CARGO_TARGET_TMPDIR")).join(path.replace('/', "-"));
        fs::write(&unfinished, &shown).unwrap();
        fs::rename(unfinished, root().join(path)).unwrap();
    }
    assert_eq!(text, block(&shown, fence));
}

fn run(world: &MemWorld, arguments: &[&str]) -> Answer {
    let arguments = Arguments::parse_from([&["gitopsc"], arguments].concat());
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    cli::run(&arguments, world, &around)
}

#[test]
fn schema_and_reference_are_made_from_the_types() {
    let mut schema = serde_json::to_string_pretty(&inventory::schema()).unwrap();
    schema.push('\n');
    let pages = [
        ("docs/inventory.schema.json", schema),
        ("docs/inventory.md", inventory::reference()),
        ("docs/settings.md", settings::reference()),
    ];
    for (path, made) in pages {
        if env::var_os("GITOPSC_DOCS").is_some() {
            fs::write(root().join(path), &made).unwrap();
        }
        assert!(
            page(path) == made,
            "{path} is not what the types give; refresh it with\n  GITOPSC_DOCS=write cargo test --test it docs"
        );
    }
}

#[test]
fn the_worked_example_names_its_schema() {
    assert_eq!(page("inventory.toml").lines().next(), Some("#:schema docs/inventory.schema.json"));
}

#[test]
fn every_key_of_the_worked_example_is_in_the_reference() {
    fn keys(table: &toml::Table, found: &mut BTreeSet<String>) {
        // What follows is named by the user.
        let named = ["vars", "profiles", "sysctls", "node-labels", "labels"];
        for (key, value) in table {
            found.insert(key.clone());
            let toml::Value::Table(below) = value else { continue };
            if named.contains(&key.as_str()) {
                continue;
            }
            let by_name =
                ["networks", "vips", "pools", "nodes", "issuers", "owners", "services", "phases", "secrets", "mirrors"];
            let below: Vec<&toml::Table> = if by_name.contains(&key.as_str()) {
                below.values().filter_map(toml::Value::as_table).collect()
            } else {
                vec![below]
            };
            for table in below {
                keys(table, found);
            }
        }
    }
    let reference = page("docs/inventory.md");
    let mut found = BTreeSet::new();
    keys(&page("inventory.toml").parse().unwrap(), &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for key in found {
        assert!(reference.contains(&format!("| `{key}`")), "`{key}` is not in docs/inventory.md");
    }
}

#[test]
fn links_of_the_reference_lead_to_its_sections() {
    let reference = page("docs/inventory.md");
    let anchor = |line: &str| -> String {
        line.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
    };
    let sections: BTreeSet<String> =
        reference.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let links: Vec<&str> = reference.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 20, "{}", links.len());
    for link in links {
        assert!(sections.contains(link), "no section #{link}");
    }
}

#[test]
fn fifteen_lines_build_what_the_readme_shows() {
    let readme = page("README.md");
    let inventory = block(&readme, "toml inventory.toml");
    assert_eq!(inventory.lines().count(), 15);
    let world = MemWorld::new([("inventory.toml", inventory)]);
    let answer = run(&world, &["build"]);
    shown("text build", &answer.stderr);
    assert_eq!(answer.exit, 0);
    let written = world.snapshot();
    assert_eq!(run(&world, &["build"]).stderr, "out/ is up to date\n");
    assert_eq!(world.snapshot(), written);
}

#[test]
fn two_slips_give_the_report_of_the_readme_and_write_nothing() {
    let readme = page("README.md");
    let wrong = block(&readme, "toml inventory.toml").replace("ip = \"10.0.0.11\"", "ip = \"10.0.1.11\"");
    let world = MemWorld::new([("inventory.toml", format!("{wrong}depend = [\"metallb\"]\n"))]);
    let answer = run(&world, &["build"]);
    shown("text report", &answer.stderr);
    assert_eq!(answer.exit, 1);
    assert_eq!(world.snapshot().len(), 1);
}

const GUIDE: &str = "docs/checking.md";

/// The files that the guide to checking shows.
fn small_repository() -> MemWorld {
    let guide = page(GUIDE);
    let files = guide.split("\n```").skip(1).step_by(2).filter_map(|block| {
        let (fence, text) = block.split_once('\n')?;
        let (_, path) = fence.split_once(' ').filter(|(language, _)| matches!(*language, "yaml" | "hcl"))?;
        Some((path.to_owned(), format!("{text}\n")))
    });
    let files: Vec<(String, String)> = files.collect();
    assert_eq!(files.len(), 8);
    MemWorld::new(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

#[test]
fn a_repository_without_an_inventory_gets_the_answers_of_the_guide() {
    let world = small_repository();
    let before = world.snapshot();
    let readme = page("README.md");
    assert_eq!(block(&readme, "sh check"), "gitopsc check\ngitopsc conflicts\n");
    let answer = run(&world, &["check"]);
    shown("text check", &answer.stderr);
    assert_eq!(answer.exit, 1);
    for (fence, arguments) in [
        ("text conflicts", &["conflicts"] as &[&str]),
        ("text why", &["why", "helm:kube-system/cilium"]),
        ("text bootstrap", &["bootstrap"]),
    ] {
        shown_in(GUIDE, fence, &run(&world, arguments).stdout);
    }
    assert!(run(&world, &["graph", "--format", "svg"]).stdout.starts_with("<svg"));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn an_issuer_beside_its_chart_hangs_as_the_guide_says() {
    let world = small_repository();
    let guide = page(GUIDE);
    world.put("cert-manager/internal.yaml", block(&guide, "yaml issuers/internal.yaml"));
    let answer = run(&world, &["bootstrap"]);
    assert_eq!(answer.exit, 1);
    let (_, hang) = answer.stdout.split_once("    ! flux-system/cert-manager: ").expect("it is the cause");
    let lines: Vec<&str> = hang.lines().take(2).map(str::trim).collect();
    shown_in(GUIDE, "text hang", &format!("{}\n  {}\n", lines[0], lines[1]));
}

#[test]
fn a_baseline_and_a_comment_silence_what_the_guide_says_they_do() {
    let world = small_repository();
    let written = run(&world, &["check", "--write-baseline", "baseline.json"]);
    assert_eq!((written.stderr.as_str(), written.exit), ("3 findings written to baseline.json\n", 0));
    let again = run(&world, &["check", "--baseline", "baseline.json"]);
    assert!(again.stderr.starts_with("no problems\njudged 6 units"), "{}", again.stderr);
    let guide = page(GUIDE);
    let (_, comment) = guide.split_once("`# gitopsc: allow(").unwrap();
    let comment = format!("# gitopsc: allow({}", comment.split('`').next().unwrap());
    let namespace = block(&guide, "yaml monitoring/namespace.yaml");
    world.put("monitoring/namespace.yaml", namespace.replace("metadata:", &format!("{comment}\nmetadata:")));
    let allowed = run(&world, &["check", "--format", "concise"]).stderr;
    assert!(!allowed.contains("owned-twice") && allowed.contains("release-twice"), "{allowed}");
}

#[test]
fn an_allowance_in_settings_runs_out_after_its_day() {
    let world = small_repository();
    let allow = "[[allow]]\ncode = \"owned-twice\"\non = \"Namespace:monitoring\"\nreason = \"it moves\"\nuntil = \"2030-01-31\"\n";
    world.put("gitopsc.toml", allow);
    let on = |date: &str| run(&world, &["check", "--format", "concise", "--as-of", date]).stderr;
    assert!(!on("2030-01-31").contains("owned-twice"), "{}", on("2030-01-31"));
    assert!(!on("2030-01-31").contains("allow-expired"));
    assert!(
        on("2030-02-01").contains("gitopsc.toml:5:9: error[allow-expired]: `owned-twice` was allowed until 2030-01-31")
    );
}

#[test]
fn settings_that_the_guide_shows_are_settings() {
    let guide = page(GUIDE);
    let text = block(&guide, "toml");
    let mut found = Vec::new();
    let source = gitopsc::source::Sources::default().add("gitopsc.toml", text);
    let reading = settings::Reading::read(source, text, &mut found);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(reading.settings.handover.len(), 1);
}

/// The worked example, as it is committed.
fn worked_example() -> MemWorld {
    let world = MemWorld::new([("inventory.toml", page("inventory.toml"))]);
    let mut folders: Vec<PathBuf> =
        ["templates", "secrets", "certs", "charts", "terraform", "out"].iter().map(|name| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            world.put(name, fs::read(&path).unwrap());
        }
    }
    world
}

#[test]
fn the_worked_example_is_built() {
    let answer = run(&worked_example(), &["build", "--check"]);
    assert_eq!((answer.stderr.as_str(), answer.exit), ("out/ is up to date\n", 0));
}

#[test]
fn a_service_with_chart_host_address_and_secret_is_at_most_ten_lines() {
    let readme = page("README.md");
    let service = block(&readme, "toml appended");
    assert!(service.lines().count() <= 10, "{service}");
    for key in ["chart", "host", "pool", "secrets"] {
        assert!(service.lines().any(|line| line.starts_with(key)), "{key}");
    }
    let world = worked_example();
    world.put("inventory.toml", format!("{}\n{service}", page("inventory.toml")));
    let values = "templates/services/forgejo/values.yaml.j2";
    world.put(values, block(&readme, &format!("yaml {values}")));
    let answer = run(&world, &["build"]);
    shown("text appended", &answer.stderr);
    assert_eq!(answer.exit, 0);
    let rendered = run(&world, &["render", "forgejo"]);
    shown("text render", &rendered.stderr);
    for kind in ["HelmRelease", "OCIRepository", "Certificate", "Ingress", "ExternalSecret", "Namespace"] {
        assert!(rendered.stdout.contains(&format!("\nkind: {kind}\n")), "no {kind}");
    }
    assert!(rendered.stdout.contains("metallb.io/loadBalancerIPs: 10.2.3.5"));
}

#[test]
fn the_readme_runs_what_ci_runs() {
    let readme = page("README.md");
    let commands: Vec<&str> = block(&readme, "sh").lines().collect();
    assert_eq!(commands, ["cargo run -- build", "cargo test"]);
    assert!(page(".ci/run").lines().any(|line| line.starts_with("counted ") && line.ends_with(" cargo test")));
}

#[test]
fn every_dependency_of_the_readme_is_one() {
    let manifest: toml::Table = page("Cargo.toml").parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    let readme = page("README.md");
    let (_, table) = readme.split_once("## What it stands on").unwrap();
    let rows = table.split("\n### ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let named: Vec<&str> = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 15, "{named:?}");
    for name in &named {
        assert!(dependencies.contains_key(*name), "{name} is no dependency");
    }
    assert!(!dependencies.contains_key("serde_yaml"), "it is for tests alone");
}

/// Documents whose named files and commands have to exist.
const PROSE: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/inventory.md",
    "docs/checking.md",
    "docs/settings.md",
    "pre-commit-hooks/README.md",
];

/// Text between single backticks, outside of fenced blocks.
fn quoted(page: &str) -> Vec<String> {
    let outside: Vec<&str> = page.split("\n```").step_by(2).collect();
    outside.iter().flat_map(|text| text.split('`').skip(1).step_by(2)).map(|text| text.replace('\n', " ")).collect()
}

/// Whether a quoted text is a path of this repository, rather than a pattern, a place elsewhere or a pair of words.
fn is_path(text: &str) -> bool {
    let is_pattern = text.contains(['<', '*', '{', ' ', '[', '"', ':', '$', '…']);
    // Of somebody else's repository.
    let theirs = [".pre-commit-config.yaml", "gitopsc.toml", "gitopsc.schema.json", "baseline.json", "gotk-sync.yaml"];
    let is_elsewhere = theirs.contains(&text)
        || text.starts_with(".git/")
        || text.starts_with(".out.gitopsc")
        || text == "out/flux/flux-system/";
    let is_chosen =
        text.starts_with("namespace/") || text.starts_with("siderolabs/") || text.starts_with("flux-system/");
    // `storageclass/fast` and the like: what the user names.
    let is_capability = text.split('/').count() == 2
        && text.split('/').next().is_some_and(|kind| ["storageclass", "clustersecretstore", "kind"].contains(&kind));
    let ends = [".rs", ".md", ".toml", ".json", ".yaml", ".py"].iter().any(|end| text.ends_with(end));
    let has_name = text.trim_matches('/').len() > 1 && !text.starts_with('/');
    (text.contains('/') || ends) && has_name && !is_pattern && !is_elsewhere && !is_chosen && !is_capability
}

#[test]
fn every_file_that_prose_names_is_there() {
    let mut missing = Vec::new();
    let mut seen = 0;
    for document in PROSE {
        let text = page(document);
        // What an example of the page itself writes, and what every unit of an example has.
        let own = |path: &str| text.contains(&format!(" {path}\n")) || path == "kustomization.yaml";
        for path in quoted(&text).into_iter().filter(|text| is_path(text)) {
            seen += 1;
            if !root().join(&path).exists() && !own(&path) && path != "README.md" {
                missing.push(format!("{document}: `{path}`"));
            }
        }
        let folder = Path::new(document).parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !link.contains("://") && !target.is_empty() && !root().join(folder).join(target).exists() {
                missing.push(format!("{document}: link to {link}"));
            }
        }
    }
    assert!(seen > 40, "{seen}");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Commands as a page writes them, in backticks or on a line of a shell block.
fn commands(page: &str) -> Vec<String> {
    let shell = page.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).flat_map(str::lines);
    let shell = shell.map(str::to_owned);
    quoted(page).into_iter().chain(shell).filter(|text| text.starts_with("gitopsc ")).collect()
}

#[test]
fn every_command_that_prose_names_can_be_run() {
    let mut documents: Vec<String> = PROSE.iter().map(|path| (*path).to_owned()).collect();
    for entry in fs::read_dir(root().join("docs/codes")).unwrap() {
        documents.push(format!("docs/codes/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    let mut wrong = Vec::new();
    let mut seen = 0;
    for document in documents {
        for command in commands(&page(&document)) {
            seen += 1;
            let words = command.split([' ', ';', '|']).filter(|word| !word.is_empty());
            let words: Vec<&str> = words.map(|word| if word == "DATE" { "2030-01-31" } else { word }).collect();
            let unfinished = [
                ErrorKind::MissingRequiredArgument,
                ErrorKind::MissingSubcommand,
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
                ErrorKind::DisplayHelp,
            ];
            if let Err(error) = Arguments::command().try_get_matches_from(words)
                && !unfinished.contains(&error.kind())
            {
                wrong.push(format!("{document}: `{command}`: {:?}", error.kind()));
            }
        }
    }
    assert!(seen > 40, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_commands_is_whole() {
    let readme = page("README.md");
    for command in Arguments::command().get_subcommands() {
        let named = readme.contains(&format!("| `gitopsc {}", command.get_name()));
        assert!(named, "README.md does not say what `gitopsc {}` does", command.get_name());
    }
}

#[test]
fn prose_speaks_of_the_product_alone() {
    let forbidden =
        ["/work/", "/root/", "/home/", "helper", "crates.io", "pypi.org", "npmjs", "proxy.golang", "TODO", "FIXME"];
    for document in PROSE {
        let text = page(document).to_lowercase();
        for word in forbidden {
            assert!(!text.contains(&word.to_lowercase()), "{document} has `{word}`");
        }
    }
}
