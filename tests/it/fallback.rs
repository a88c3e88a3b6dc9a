//! `--fallback`: what is not built here is handed to `kubectl kustomize`, on a copy.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use gitopsc::{
    cli::{self, Arguments, Surroundings},
    world::MemWorld,
};

const FILES: &[(&str, &str)] = &[
    (
        "cluster.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: web\n  namespace: flux-system\nspec:\n  interval: 1h\n  path: ./web\n  prune: true\n  targetNamespace: web\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n",
    ),
    ("web/kustomization.yaml", "resources:\n  - config.yaml\nvalidators:\n  - check.yaml\n"),
    ("web/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"),
    ("web/check.yaml", "apiVersion: example.org/v1\nkind: Check\nmetadata:\n  name: web\n"),
];

fn write(folder: &Path) {
    for (path, text) in FILES {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn without_kubectl_the_command_says_so() {
    let arguments = <Arguments as clap::Parser>::parse_from(["gitopsc", "check", "--fallback"]);
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    let answer = cli::run(&arguments, &MemWorld::new(FILES.iter().copied()), &around);
    assert_eq!((answer.exit, answer.stderr.as_str()), (2, "error: cannot run `kubectl`: there is none here\n"));
}

#[test]
fn what_kubectl_builds_is_judged_and_nothing_of_the_repository_changes() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    write(&repository);
    // It sees Flux's changes to the kustomization file, in a copy.
    let tools = folder.path().join("bin");
    fs::create_dir_all(&tools).unwrap();
    let kubectl = "#!/bin/sh\ngrep -q 'namespace: web' \"$4/kustomization.yaml\" || { echo 'error: no namespace' >&2; exit 1; }\ncase $4 in *repository*) exit 1;; esac\nprintf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: built\\n  namespace: web\\n'\n";
    fs::write(tools.join("kubectl"), kubectl).unwrap();
    fs::set_permissions(tools.join("kubectl"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitopsc"));
        command.arg("-C").arg(&repository).args(arguments).env("PATH", &path);
        command.output().unwrap()
    };
    let said = String::from_utf8(run(&["check"]).stderr).unwrap();
    assert!(said.contains("note[build-refused]: `validators` is not built here"), "{said}");
    let said = run(&["check", "--fallback"]);
    let text = String::from_utf8(said.stderr).unwrap();
    assert!(!text.contains("build-refused") && text.contains("judged 1 unit, 1 object"), "{text}");
    let said = run(&["why", "--fallback", "ConfigMap:web/built"]);
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("made by unit `flux-system/web`"), "{text}");
    for (path, text) in FILES {
        assert_eq!(fs::read_to_string(repository.join(path)).unwrap(), *text, "{path}");
    }
    assert_eq!(fs::read_dir(&repository).unwrap().count(), 2);
}
