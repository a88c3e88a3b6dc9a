//! The real program, run in a folder of its own.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A program that takes longer hangs. Far beyond what the slowest machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A smallest inventory that builds; further tables can follow it.
pub const SMALL: &str = "schema = 1\n\n[cluster]\nname = \"home\"\nendpoint = \"192.168.1.10\"\n\n[versions]\nkubernetes = \"1.32.1\"\n\n\
    [services.app]\nchart = { repo = \"https://charts.example.org\", name = \"app\", version = \"1.0.0\" }\n";

/// A repository in a temporary folder.
pub struct Repository {
    folder: TempDir,
}

/// What the program said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    /// None when it was killed.
    pub exit: Option<i32>,
}

impl Repository {
    /// A repository of these files, outside git.
    pub fn new<P: AsRef<Path>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, B)>) -> Repository {
        let repository = Repository { folder: TempDir::new().unwrap() };
        for (path, bytes) in files {
            repository.put(path, bytes);
        }
        repository
    }

    /// A repository of this inventory alone.
    pub fn of(inventory: impl AsRef<[u8]>) -> Repository {
        Repository::new([("inventory.toml", inventory)])
    }

    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn put(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Replaces a text that stands in the file exactly once.
    pub fn replace(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(old).count(), 1, "`{old}` in {path}");
        self.put(path, text.replace(old, new));
    }

    /// Every file, hidden ones too, with its bytes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(self.folder.path())
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, b"", |_| {})
    }

    pub fn run_with(&self, arguments: &[&str], input: &[u8], prepare: impl FnOnce(&mut Command)) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitopsc"));
        command.current_dir(self.folder.path()).args(arguments);
        // What the developer's shell sets for gitopsc itself is not part of a test.
        for variable in ["GITOPSC_INVENTORY", "SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        prepare(&mut command);
        finish(command, input)
    }
}

/// Every file below a folder, with its bytes.
pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            // A file nobody may read is listed too.
            found.insert(name, fs::read(&path).unwrap_or_default());
        }
    }
    found
}

/// Runs a command to its end; kills it when it hangs.
fn finish(mut command: Command, input: &[u8]) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that wants no input closes it.
    let writer = thread::spawn(move || stdin.write_all(&input).is_ok());
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let stdout = thread::spawn(move || std::io::read_to_string(stdout).unwrap());
    let stderr = thread::spawn(move || std::io::read_to_string(stderr).unwrap());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    };
    writer.join().unwrap();
    Said { stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap(), exit: status.code() }
}

impl Said {
    /// The codes of the findings, in their order.
    pub fn codes(&self) -> Vec<&str> {
        let heads = self.stderr.lines().filter_map(|line| {
            let rest = ["error[", "warning[", "note["].iter().find_map(|start| line.strip_prefix(start))?;
            rest.split_once(']').map(|(code, _)| code)
        });
        heads.collect()
    }
}
