//! A folder built by the `kubectl` of the machine, in a copy of the repository.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{Entry, Error, Kind};

/// What `kubectl kustomize` prints for a folder whose kustomization file holds this text, or what it says is wrong.
///
/// The copy is thrown away: nothing is written beside the user's files. kubectl itself fetches what is remote.
pub(super) fn kustomize(
    root: &Path,
    files: &[Entry],
    folder: &str,
    kustomization: &str,
) -> Result<Result<String, String>, Error> {
    let failed = |path: &Path, error: &std::io::Error| Error::io("copy", path.to_string_lossy(), error);
    let copy = tempfile::tempdir().map_err(|error| Error::io("make", "a temporary folder", &error))?;
    for entry in files.iter().filter(|entry| entry.kind == Kind::File) {
        let to = copy.path().join(&entry.path);
        fs::create_dir_all(to.parent().unwrap_or(copy.path())).map_err(|error| failed(&to, &error))?;
        match fs::copy(root.join(&entry.path), &to) {
            // What vanishes while we copy is not there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            done => done.map(drop).map_err(|error| failed(&to, &error))?,
        }
    }
    let target = copy.path().join(folder);
    for name in crate::repository::KUSTOMIZATIONS {
        // One of the names at most is there.
        let _ = fs::remove_file(target.join(name));
    }
    let file = target.join(crate::repository::KUSTOMIZATIONS[0]);
    fs::write(&file, kustomization).map_err(|error| failed(&file, &error))?;
    let mut command = Command::new("kubectl");
    command.args(["kustomize", "--load-restrictor", "LoadRestrictionsNone"]).arg(&target);
    command.env("KUBECONFIG", "/dev/null").stdin(Stdio::null());
    let output = command.output().map_err(|error| Error::io("run", "kubectl", &error))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() {
        return Ok(Ok(text(output.stdout)));
    }
    let said = text(output.stderr).replace(&*copy.path().to_string_lossy(), ".");
    Ok(Err(said.trim().trim_start_matches("error: ").to_owned()))
}
