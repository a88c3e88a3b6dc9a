//! A repository that is half broken is read all the same: each file that cannot be read is one finding, the others are there to be judged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    time::{Duration, Instant},
};

use gitopsc::{
    repository::Repository as Read,
    world::{Access, Content, Entry, Error, Kind, Lock, MemWorld, OsWorld, Standing, Versions, World},
};

use crate::program::Repository;

const GOOD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: good\n";

/// Reads the repository, and shows that reading wrote nothing.
fn read(repository: &Repository) -> Read {
    let list = |repository: &Repository| {
        let found = OsWorld::new(repository.path("")).entries("").unwrap();
        found.into_iter().map(|entry| entry.path).collect::<Vec<_>>()
    };
    let before = list(repository);
    let read = Read::read(&OsWorld::new(repository.path(""))).unwrap();
    assert_eq!(list(repository), before);
    read
}

/// The files with findings: code and message of each.
fn faults(read: &Read) -> BTreeMap<String, Vec<(String, String)>> {
    let of_file = |file: &gitopsc::repository::File| {
        file.faults().map(|fault| (fault.code.name().to_owned(), fault.message.clone())).collect::<Vec<_>>()
    };
    let all = read.files().map(|(path, file)| (path.to_owned(), of_file(file)));
    all.filter(|(_, faults)| !faults.is_empty()).collect()
}

/// The code of the only finding of each broken file.
fn codes(read: &Read) -> Vec<(String, String)> {
    let one = |(path, faults): (String, Vec<(String, String)>)| {
        assert_eq!(faults.len(), 1, "{path}: {faults:?}");
        (path, faults[0].0.clone())
    };
    faults(read).into_iter().map(one).collect()
}

fn found(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, code)| ((*path).to_owned(), (*code).to_owned())).collect()
}

/// Whether a file is there with all it holds.
fn is_read(read: &Read, path: &str) -> bool {
    read.file(path).is_some_and(|file| file.faults().next().is_none() && file.documents().count() == 1)
}

#[test]
fn each_broken_file_is_one_finding_and_the_others_are_read() {
    let repository = Repository::new([
        ("apps/good.yaml", GOOD.as_bytes()),
        ("apps/open.yaml", b"a: [b\n"),
        ("apps/tab.yaml", b"a:\n\tb: c\n"),
        ("apps/quote.yaml", b"a: 'b\n"),
        ("apps/alias.yaml", b"a: *nobody\n"),
        ("apps/latin1.yaml", b"a: H\xe4fen\n"),
        ("apps/utf16.yaml", b"\xff\xfea\0:\0 \0b\0\n\0"),
        ("apps/zeros.yaml", &[0; 4096]),
        ("apps/picture.yml", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("apps/lfs.yaml", b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 5\n"),
        ("apps/kustomization.yaml", b"resources: [good.yaml, open.yaml, {]\n"),
        ("apps/twice.yaml", b"a: 1\nb: 2\na: 3\n"),
        ("apps/deep.yaml", "[".repeat(5000).as_bytes()),
    ]);
    let read = read(&repository);
    let expected = [
        ("apps/alias.yaml", "yaml-syntax"),
        ("apps/deep.yaml", "yaml-too-deep"),
        ("apps/kustomization.yaml", "yaml-syntax"),
        ("apps/latin1.yaml", "file-unreadable"),
        ("apps/lfs.yaml", "file-unreadable"),
        ("apps/open.yaml", "yaml-syntax"),
        ("apps/picture.yml", "file-unreadable"),
        ("apps/quote.yaml", "yaml-syntax"),
        ("apps/tab.yaml", "yaml-syntax"),
        ("apps/twice.yaml", "key-twice"),
        ("apps/utf16.yaml", "file-unreadable"),
        ("apps/zeros.yaml", "yaml-syntax"),
    ];
    assert_eq!(codes(&read), found(&expected));
    assert!(is_read(&read, "apps/good.yaml"));
    let lfs = &faults(&read)["apps/lfs.yaml"][0].1;
    assert_eq!(lfs, "`apps/lfs.yaml` cannot be read: git-lfs has not fetched it: this is its pointer");
}

#[test]
fn templates_among_manifests_are_findings_of_their_own() {
    let repository = Repository::new([
        ("good.yaml", GOOD),
        ("chart/templates/map.yaml", "metadata:\n  name: {{ .Release.Name }}\n"),
        ("chart/templates/if.yaml", "{{- if .Values.on }}\nkind: ConfigMap\n{{- end }}\n"),
        ("ansible/host.yaml", "{% if on %}\nhost: a\n{% endif %}\n"),
        ("ansible/fine.yaml.j2", "{% if on %}\nhost: a\n{% endif %}\n"),
        ("chart/templates/_names.tpl", "{{ define \"x\" }}"),
    ]);
    let read = read(&repository);
    let broken: BTreeSet<String> = faults(&read).into_keys().collect();
    let expected = ["ansible/host.yaml", "chart/templates/if.yaml", "chart/templates/map.yaml"];
    assert_eq!(broken, expected.map(str::to_owned).into());
    assert!(is_read(&read, "good.yaml"));
}

#[test]
fn documents_around_a_broken_one_are_read() {
    let text = format!("{GOOD}---\na: [b\n---\n{GOOD}---\nc: }}\n---\n{GOOD}");
    let repository = Repository::new([("all.yaml", text)]);
    let read = read(&repository);
    let file = read.file("all.yaml").unwrap();
    let names = file.documents().filter(|document| document.at(["metadata", "name"]).is_some()).count();
    assert_eq!((names, file.faults().count() >= 2), (3, true));
}

#[test]
fn encrypted_files_are_ordinary_yaml() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  k: ENC[AES256_GCM,data:aa==,iv:b=,tag:c=,type:str]\n\
                sops:\n  age:\n  - recipient: age1x\n    enc: |\n      -----BEGIN AGE ENCRYPTED FILE-----\n      aa\n      -----END AGE ENCRYPTED FILE-----\n";
    let repository = Repository::new([("secret.sops.yaml", text)]);
    assert!(is_read(&read(&repository), "secret.sops.yaml"));
}

#[test]
fn links_are_never_followed() {
    let outside = Repository::new([("secret.yaml", "outside: true\n")]);
    let repository = Repository::new([("apps/good.yaml", GOOD)]);
    symlink(repository.path("apps"), repository.path("apps/round")).unwrap();
    symlink("self.yaml", repository.path("self.yaml")).unwrap();
    symlink(outside.path("secret.yaml"), repository.path("apps/out.yaml")).unwrap();
    symlink(outside.path(""), repository.path("away")).unwrap();
    symlink("/", repository.path("root")).unwrap();
    symlink("gone.yaml", repository.path("dangling.yaml")).unwrap();
    symlink("apps/good.yaml", repository.path("inside.yaml")).unwrap();
    let read = read(&repository);
    let files: Vec<&str> = read.files().map(|(path, _)| path).collect();
    assert_eq!(files, ["apps/good.yaml"]);
    let links: Vec<&str> = read.links().collect();
    let expected = ["apps/out.yaml", "apps/round", "away", "dangling.yaml", "inside.yaml", "root", "self.yaml"];
    assert_eq!(links, expected);
    assert!(faults(&read).is_empty());
}

#[test]
fn what_belongs_to_other_repositories_or_to_nobody_is_left_out() {
    let repository = Repository::new([
        (".gitignore", "ignored/\n*.tmp.yaml\n"),
        ("good.yaml", GOOD),
        (".git/config", "[core]\n"),
        (".git/bad.yaml", "a: [b\n"),
        ("module/.git", "gitdir: ../.git/modules/module\n"),
        ("module/bad.yaml", "a: [b\n"),
        ("clone/.git/HEAD", "ref: refs/heads/main\n"),
        ("clone/bad.yaml", "a: [b\n"),
        ("ignored/bad.yaml", "a: [b\n"),
        ("x.tmp.yaml", "a: [b\n"),
        ("folder.yaml/good.yaml", GOOD),
        ("kustomization.yaml/good.yaml", GOOD),
    ]);
    fs::create_dir_all(repository.path("empty.yaml")).unwrap();
    let read = read(&repository);
    let files: Vec<&str> = read.files().map(|(path, _)| path).collect();
    assert_eq!(files, [".gitignore", "folder.yaml/good.yaml", "good.yaml", "kustomization.yaml/good.yaml"]);
    assert!(faults(&read).is_empty());
    assert!(is_read(&read, "folder.yaml/good.yaml") && read.is_folder("folder.yaml"));
}

#[test]
fn pipes_and_sockets_are_not_waited_for() {
    let repository = Repository::new([("good.yaml", GOOD)]);
    let _socket = UnixListener::bind(repository.path("socket.yaml")).unwrap();
    let read = read(&repository);
    assert_eq!(read.files().map(|(path, _)| path).collect::<Vec<_>>(), ["good.yaml"]);
}

#[test]
fn thousands_of_other_files_and_much_junk_cost_little() {
    let repository = Repository::new([("apps/good.yaml", GOOD)]);
    for folder in 0..50 {
        fs::create_dir_all(repository.path(format!("site/{folder}"))).unwrap();
        for file in 0..100 {
            fs::write(repository.path(format!("site/{folder}/{file}.html")), "<html>").unwrap();
        }
    }
    // Sparse: nothing is written to the disk.
    for (name, size) in [("disk.img", 100 << 20), ("junk.yaml", 16 << 20)] {
        fs::File::create(repository.path(name)).unwrap().set_len(size).unwrap();
    }
    let start = Instant::now();
    let read = read(&repository);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(read.files().count(), 5003);
    assert!(is_read(&read, "apps/good.yaml"));
    assert_eq!(codes(&read), found(&[("junk.yaml", "file-unreadable")]));
    assert_eq!(faults(&read)["junk.yaml"][0].1, "`junk.yaml` cannot be read: it is larger than 8 MiB");
}

#[test]
fn kustomizations_that_name_anything_at_all_are_read() {
    let names = "resources:\n- ../../../../etc/passwd\n- /etc/passwd\n- ''\n- .\n- ..\n- a\\0b\n- \"\\0\"\n- https://example.org/x\n- {a: b}\n- 3\n- 'x/../../y'\n";
    let long = format!("resources: [{}]\n", "x/".repeat(5000));
    let repository =
        Repository::new([("kustomization.yaml", names), ("long/kustomization.yaml", &long), ("good.yaml", GOOD)]);
    let read = read(&repository);
    assert!(is_read(&read, "good.yaml"));
    assert_eq!(read.files().count(), 3);
}

/// A machine that does not hand out one file.
struct Refusing(MemWorld);

impl World for Refusing {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        if path == "locked.yaml" { Err(Error::new("read", path, "permission denied")) } else { self.0.read(path) }
    }
    fn files(&self, folder: &str) -> Result<Vec<String>, Error> {
        self.0.files(folder)
    }
    fn visible(&self) -> Result<Vec<Entry>, Error> {
        self.0.visible()
    }
    fn entries(&self, folder: &str) -> Result<Vec<Entry>, Error> {
        self.0.entries(folder)
    }
    fn kind(&self, path: &str) -> Result<Option<Kind>, Error> {
        self.0.kind(path)
    }
    fn standing(&self, folder: &str) -> Result<Standing, Error> {
        self.0.standing(folder)
    }
    fn save(&self, path: &str, _: &[u8], _: Access) -> Result<(), Error> {
        panic!("`{path}` is written")
    }
    fn lock(&self, folder: &str) -> Result<Lock, Error> {
        panic!("`{folder}` is locked")
    }
    fn replace(&self, folder: &str, _: &BTreeMap<&str, Content<'_>>) -> Result<(), Error> {
        panic!("`{folder}` is replaced")
    }
    fn memory(&self, folder: &str) -> Result<Option<String>, Error> {
        self.0.memory(folder)
    }
    fn versions(&self, folder: &str, paths: &[&str]) -> Result<Option<Vec<Versions>>, Error> {
        self.0.versions(folder, paths)
    }
    fn tracked(&self, paths: &[&str]) -> Result<Option<BTreeSet<String>>, Error> {
        self.0.tracked(paths)
    }
}

#[test]
fn a_file_that_the_system_does_not_hand_out_is_one_finding() {
    let world = Refusing(MemWorld::new([("locked.yaml", GOOD), ("good.yaml", GOOD)]));
    let read = Read::read(&world).unwrap();
    assert!(is_read(&read, "good.yaml"));
    let message = "`locked.yaml` cannot be read: permission denied";
    let expected =
        BTreeMap::from([("locked.yaml".to_owned(), vec![("file-unreadable".to_owned(), message.to_owned())])]);
    assert_eq!(faults(&read), expected);
}

/// A cluster with these files in the folder that it applies, beside one that is in order.
fn applied(files: &[(&str, &[u8])]) -> Repository {
    let unit = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: apps\n  namespace: flux-system\n\
        spec:\n  interval: 10m\n  path: ./apps\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n";
    let good = unit.replace("name: apps", "name: good").replace("./apps", "./good");
    let twice = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: twice\n";
    let repository = Repository::new([
        ("cluster/apps.yaml", unit),
        ("cluster/good.yaml", &good),
        ("cluster/twice.yaml", &good.replace("name: good", "name: better").replace("./good", "./better")),
        ("good/twice.yaml", twice),
        ("better/twice.yaml", twice),
    ]);
    for (path, bytes) in files {
        repository.put(path, bytes);
    }
    repository
}

/// Runs `check`; shows that it ends in time and writes nothing.
fn checked(repository: &Repository) -> (Vec<String>, String) {
    // Links are listed, not followed: one of them leads to the whole machine.
    let list = || OsWorld::new(repository.path("")).entries("").unwrap();
    let before = list();
    let start = Instant::now();
    let said = repository.run(&["check"]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(list(), before);
    assert_eq!(said.exit, Some(1), "{}", said.stderr);
    (said.codes().into_iter().map(str::to_owned).collect(), said.stderr)
}

#[test]
fn each_broken_file_is_one_finding_of_check_and_the_rest_is_judged() {
    let broken: [(&str, &[u8], &str); 6] = [
        ("apps/open.yaml", b"a: [b\n", "yaml-syntax"),
        ("apps/latin1.yaml", b"a: H\xe4fen\n", "file-unreadable"),
        ("apps/zeros.yaml", &[0; 4096], "yaml-syntax"),
        ("apps/lfs.yaml", b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 5\n", "file-unreadable"),
        ("apps/template.yaml", b"metadata:\n  name: {{ .Release.Name }}\n", "yaml-value"),
        ("apps/deep.yaml", &[b'['; 5000], "yaml-too-deep"),
    ];
    for (path, bytes, code) in broken {
        let (codes, text) = checked(&applied(&[(path, bytes)]));
        let at_file = text.lines().filter(|line| line.trim_start().starts_with(&format!("--> {path}:"))).count();
        assert_eq!(at_file, 1, "{path}: {text}");
        assert_eq!(codes.iter().filter(|found| *found == code).count(), 1, "{path}: {text}");
        assert!(codes.contains(&"owned-twice".to_owned()), "{path}: what else is wrong is found too: {text}");
    }
}

#[test]
fn check_follows_no_link_and_enters_no_other_repository() {
    let repository = applied(&[("module/.git", b"gitdir: ../.git/modules/module\n"), ("module/bad.yaml", b"a: [b\n")]);
    symlink("..", repository.path("good/round")).unwrap();
    symlink("/", repository.path("better/away")).unwrap();
    assert_eq!(checked(&repository).0, ["owned-twice", "path-missing"]);
}

#[test]
fn check_is_not_held_up_by_thousands_of_other_files() {
    let repository = applied(&[("apps/good.yaml", GOOD.as_bytes())]);
    for folder in 0..50 {
        fs::create_dir_all(repository.path(format!("site/{folder}"))).unwrap();
        for file in 0..100 {
            fs::write(repository.path(format!("site/{folder}/{file}.html")), "<html>").unwrap();
        }
    }
    let start = Instant::now();
    let said = repository.run(&["check"]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(said.codes().contains(&"owned-twice"), "{}", said.stderr);
}
