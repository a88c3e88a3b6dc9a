//! `gitopsc build` as a user runs it: what it writes, what it says, and how it ends.

use std::{fs, os::unix::fs::MetadataExt as _, time::SystemTime};

use crate::program::{Repository, SMALL};

/// Every file of `out/` with what tells a rewritten file from one left alone.
fn identities(repository: &Repository) -> Vec<(String, u64, SystemTime)> {
    let files = repository.files().into_keys().filter(|path| path.starts_with("out/"));
    let identity = |path: String| {
        let about = fs::metadata(repository.path(&path)).unwrap();
        (path, about.ino(), about.modified().unwrap())
    };
    files.map(identity).collect()
}

fn built() -> Repository {
    let repository = Repository::of(SMALL);
    let said = repository.run(&["build"]);
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    repository
}

const CLAIM: &str = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: data\n  namespace: app\nspec:\n  \
    accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: 1Gi\n";

#[test]
fn a_first_build_names_what_it_wrote_and_a_second_writes_nothing() {
    let repository = Repository::of(SMALL);
    let said = repository.run(&["build"]);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(0), ""));
    let created = "\
created  out/.gitopsc
created  out/README.md
created  out/apps/app/app/helmrelease.yaml
created  out/apps/app/app/kustomization.yaml
created  out/apps/app/app/source.yaml
created  out/flux/app.yaml
created  out/flux/namespaces.yaml
created  out/namespaces/app.yaml
out/ written: 8 files created
";
    assert_eq!(said.stderr, created);
    let before = identities(&repository);
    let said = repository.run(&["build"]);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(0), "out/ is up to date\n"));
    assert_eq!(identities(&repository), before);
    assert_eq!(repository.run(&["--quiet", "build"]).stderr, "");
    assert_eq!(identities(&repository), before);
}

#[test]
fn check_writes_nothing_and_says_which_files_differ() {
    let repository = Repository::of(SMALL);
    let before = repository.files();
    let said = repository.run(&["build", "--check"]);
    assert_eq!(said.exit, Some(1));
    assert!(said.stderr.contains("created  out/flux/app.yaml\n"), "{}", said.stderr);
    assert!(said.stderr.ends_with(
        "out/ differs from what a build writes: 8 files created\nhelp: run `gitopsc build` and commit out/\n"
    ));
    assert_eq!(repository.files(), before);

    repository.run(&["build"]);
    let said = repository.run(&["build", "--check"]);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(0), "out/ is up to date\n"));

    repository.replace("inventory.toml", "1.0.0", "1.0.1");
    let before = repository.files();
    let said = repository.run(&["build", "--check"]);
    let expected = "\
changed  out/README.md
changed  out/apps/app/app/helmrelease.yaml
out/ differs from what a build writes: 2 files changed
help: run `gitopsc build` and commit out/
";
    assert_eq!((said.exit, said.stderr.as_str()), (Some(1), expected));
    assert_eq!(repository.files(), before);
    // Even where nothing is to be said about findings, a difference is named.
    assert_eq!(repository.run(&["--quiet", "build", "--check"]).stderr, expected);
}

#[test]
fn a_hook_fails_whenever_anything_was_written_created_or_removed() {
    let repository = Repository::of(SMALL);
    let hook = |repository: &Repository| repository.run(&["build", "--hook"]);
    let said = hook(&repository);
    assert_eq!(said.exit, Some(1), "only new files");
    assert!(
        said.stderr.ends_with("out/ was not up to date and has been written: 8 files created\nhelp: git add out\n")
    );
    assert_eq!(hook(&repository).exit, Some(0));

    repository.replace("inventory.toml", "1.0.0", "1.0.1");
    assert_eq!(hook(&repository).exit, Some(1), "only changed files");
    assert_eq!(hook(&repository).exit, Some(0));

    repository.put(
        "templates/services/app/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: app\n",
    );
    assert_eq!(hook(&repository).exit, Some(1));
    fs::remove_file(repository.path("templates/services/app/config.yaml")).unwrap();
    let said = hook(&repository);
    assert_eq!(said.exit, Some(1), "a removed file");
    assert!(said.stderr.contains("removed  out/apps/app/app/config.yaml\n"), "{}", said.stderr);
    assert!(!repository.path("out/apps/app/app/config.yaml").exists());
    assert_eq!(hook(&repository).exit, Some(0));
}

#[test]
fn diff_shows_lines_and_writes_nothing() {
    let repository = built();
    repository.replace("inventory.toml", "1.0.0", "1.0.1");
    let before = repository.files();
    let said = repository.run(&["build", "--diff"]);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(1), ""));
    let expected = "\
--- a/out/apps/app/app/helmrelease.yaml
+++ b/out/apps/app/app/helmrelease.yaml
@@ -11,7 +11,7 @@
   chart:
     spec:
       chart: app
-      version: 1.0.0
+      version: 1.0.1
       sourceRef:
         kind: HelmRepository
         name: app
";
    assert!(said.stdout.ends_with(expected), "{}", said.stdout);
    assert!(said.stdout.starts_with("--- a/out/README.md\n+++ b/out/README.md\n"), "{}", said.stdout);
    assert_eq!(repository.files(), before);
    repository.run(&["build"]);
    let said = repository.run(&["build", "--diff"]);
    assert_eq!((said.exit, said.stdout.as_str(), said.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn a_service_that_is_gone_takes_its_files_along() {
    let repository = Repository::of(format!(
        "{SMALL}\n[services.old]\nchart = {{ repo = \"https://charts.example.org\", name = \"old\", version = \"1.0.0\" }}\n"
    ));
    repository.run(&["build"]);
    assert!(repository.path("out/apps/old/old/helmrelease.yaml").exists());
    repository.put("inventory.toml", SMALL);
    let said = repository.run(&["build"]);
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    assert!(!repository.path("out/apps/old").exists(), "no empty folder stays");
    assert!(!repository.path("out/flux/old.yaml").exists());
    assert_eq!(repository.files(), {
        let fresh = built();
        fresh.files()
    });
}

#[test]
fn what_flux_would_delete_with_its_data_is_named_before_it_happens() {
    let repository = Repository::of(SMALL);
    repository.put("templates/services/app/data.yaml", CLAIM);
    assert_eq!(repository.run(&["build"]).exit, Some(0));

    fs::rename(repository.path("templates/services/app/data.yaml"), repository.path("kept.yaml")).unwrap();
    let said = repository.run(&["build", "--check"]);
    assert_eq!(said.codes(), ["prune-danger"], "{}", said.stderr);
    assert!(
        said.stderr.starts_with(
            "warning[prune-danger]: Flux will delete `PersistentVolumeClaim:app/data`, and with it its volume, unless the storage class retains it\n"
        ),
        "{}",
        said.stderr
    );

    fs::rename(repository.path("kept.yaml"), repository.path("templates/services/app/data.yaml")).unwrap();
    assert_eq!(repository.run(&["build", "--check"]).exit, Some(0));
}

#[test]
fn a_renamed_unit_is_a_pruned_unit() {
    let repository = Repository::of(SMALL);
    repository.put("templates/services/app/data.yaml", CLAIM);
    assert_eq!(repository.run(&["build"]).exit, Some(0));

    // The same files under a Kustomization of another name: Flux deletes the old one with all it applied.
    repository.put("inventory.toml", format!("{SMALL}unit = \"renamed\"\n"));
    let said = repository.run(&["build", "--check"]);
    assert_eq!(said.codes(), ["prune-danger"], "{}", said.stderr);

    // Renaming the service moves its files too, unless the name of the unit is pinned.
    let renamed = SMALL.replace("[services.app]", "[services.web]\nnamespace = \"app\"");
    fs::rename(repository.path("templates/services/app"), repository.path("templates/services/web")).unwrap();
    repository.put("inventory.toml", &renamed);
    assert_eq!(repository.run(&["build", "--check"]).codes(), ["prune-danger"]);
    repository.put("inventory.toml", format!("{renamed}unit = \"app\"\n"));
    let said = repository.run(&["build", "--check"]);
    assert_eq!(said.codes(), Vec::<&str>::new(), "{}", said.stderr);
}

#[test]
fn a_file_somebody_else_put_into_the_output_stays_and_stops_the_build() {
    let repository = built();
    repository.put("out/apps/app/app/mine.yaml", "mine: true\n");
    repository.replace("inventory.toml", "1.0.0", "1.0.1");
    let before = repository.files();
    let said = repository.run(&["build"]);
    assert_eq!((said.exit, said.codes()), (Some(1), vec!["output-foreign"]));
    assert_eq!(repository.files(), before);

    // With --force it still stays, because no file of ours is in its place.
    let said = repository.run(&["build", "--force"]);
    assert_eq!((said.exit, said.codes()), (Some(0), vec!["output-foreign"]));
    assert_eq!(repository.read("out/apps/app/app/mine.yaml"), "mine: true\n");
    assert!(repository.read("out/apps/app/app/helmrelease.yaml").contains("1.0.1"));

    fs::remove_file(repository.path("out/apps/app/app/mine.yaml")).unwrap();
    repository.put("out/flux/app.yaml", "mine: true\n");
    assert_eq!(repository.run(&["build"]).codes(), ["output-foreign"]);
    assert_eq!(repository.run(&["build", "--force"]).exit, Some(0));
    assert!(repository.read("out/flux/app.yaml").starts_with("# gitopsc: services.app"));
}

#[test]
fn a_folder_of_somebody_else_is_not_built_into() {
    let repository = Repository::of(SMALL);
    repository.put("out/index.html", "<html>");
    let before = repository.files();
    for command in [["build", "--check"], ["build", "--force"], ["build", "--hook"]] {
        let said = repository.run(&command);
        assert_eq!((said.exit, said.codes()), (Some(1), vec!["output-foreign-folder"]), "{command:?}");
        assert_eq!(repository.files(), before);
    }
}

#[test]
fn a_profile_of_the_command_line_needs_a_folder_of_its_own() {
    let repository = Repository::of(format!("{SMALL}\n[profiles.staging.services.app]\nsuspend = true\n"));
    let before = repository.files();
    let said = repository.run(&["-p", "staging", "build"]);
    let expected = "\
error: a profile of the command line is for a look, not for the tree that is committed
help: add `--out DIR`; or write `profile = \"…\"` into the inventory to commit that tree
";
    assert_eq!((said.exit, said.stderr.as_str()), (Some(2), expected));
    assert_eq!(repository.files(), before);

    assert_eq!(repository.run(&["build"]).exit, Some(0));
    assert_eq!(repository.run(&["build", "-p", "staging", "--out", "look"]).exit, Some(0));
    assert!(!repository.read("out/flux/app.yaml").contains("suspend"));
    assert!(repository.read("look/flux/app.yaml").contains("  suspend: true\n"));

    let said = repository.run(&["build", "-p", "stagin", "--out", "look"]);
    assert_eq!((said.exit, said.codes()), (Some(1), vec!["profile-unknown"]));
}

#[test]
fn a_build_works_from_anywhere() {
    let expected = built().files();
    let above = Repository::new([("site/inventory.toml", SMALL)]);
    assert_eq!(above.run(&["-C", "site", "build"]).exit, Some(0));
    assert_eq!(crate::program::files(&above.path("site")), expected);

    let below = Repository::of(SMALL);
    fs::create_dir_all(below.path("docs/deep")).unwrap();
    let said = below.run_with(&["build"], b"", |command| {
        command.current_dir(below.path("docs/deep"));
    });
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    assert_eq!(below.files(), expected);

    let said = below.run(&["-C", "nowhere", "build"]);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(2), "error: `nowhere` is not a folder\n"));
}

#[test]
fn nothing_is_written_while_anything_is_wrong() {
    let repository = built();
    repository.replace("inventory.toml", "1.0.0", "1.0.1");
    repository.put("templates/services/app/values.yaml.j2", "a: {{ nothing }}\n");
    let before = repository.files();
    for command in
        [&["build"] as &[&str], &["build", "--force"], &["build", "--hook"], &["build", "--diff"], &["check"]]
    {
        let said = repository.run(command);
        assert_eq!((said.exit, said.codes()), (Some(1), vec!["template-undefined"]), "{command:?}");
        assert_eq!(repository.files(), before, "{command:?}");
    }
}

#[test]
fn render_shows_one_service_and_its_edges_and_writes_nothing() {
    let repository = Repository::of(format!(
        "{SMALL}depends = [\"base\"]\n\n[services.base]\nchart = {{ path = \"charts/base\" }}\n"
    ));
    repository.put("charts/base/Chart.yaml", "apiVersion: v2\nname: base\nversion: 0.1.0\n");
    let before = repository.files();
    let said = repository.run(&["render", "app"]);
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    assert_eq!(repository.files(), before);
    assert!(said.stdout.contains("kind: HelmRelease\n") && said.stdout.contains("kind: Kustomization\n"));
    assert!(!said.stdout.contains("charts/base"), "{}", said.stdout);
    assert!(said.stderr.contains("  base: it is named in `depends`\n"), "{}", said.stderr);
    let said = repository.run(&["render", "ap"]);
    assert_eq!(said.exit, Some(2));
    assert!(said.stderr.contains("did you mean `app`?"), "{}", said.stderr);
}
