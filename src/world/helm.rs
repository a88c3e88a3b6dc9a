//! Charts rendered by the `helm` of the machine.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use super::{Chart, Error};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What `helm template` prints. It fetches nothing: a chart's dependencies must lie in its `charts/`.
pub(super) fn template(root: &Path, chart: &Chart<'_>) -> Result<Result<String, String>, Error> {
    let failed = |error: &std::io::Error| Error::io("run", "helm", error);
    let folder = root.join(chart.folder);
    let mut command = Command::new("helm");
    command.args(["template", chart.release]).arg(&folder).args(["--namespace", chart.namespace]);
    command.args(["--include-crds", "--kube-version", chart.kubernetes, "--values", "-"]);
    // Neither a cluster nor the user's repositories take part.
    command.env("KUBECONFIG", "/dev/null").env("HELM_REPOSITORY_CONFIG", "/dev/null");
    // Nor does the network: a schema may refer to an address, which leads nowhere this way.
    for variable in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env(variable, NOWHERE);
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let mut stdin = child.stdin.take().expect("piped above");
    let values = chart.values.to_owned();
    // helm may end without having read everything; what it says then is the reason.
    let writer = thread::spawn(move || stdin.write_all(values.as_bytes()));
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    let _ = writer.join();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() {
        return Ok(Ok(text(output.stdout)));
    }
    let said = text(output.stderr);
    // The reason goes on to the next empty line; after that comes advice.
    let mut lines = said.lines().skip_while(|line| !line.starts_with("Error:")).take_while(|line| !line.is_empty());
    let reason: Vec<&str> = lines.by_ref().map(str::trim).collect();
    let reason = if reason.is_empty() { said.trim().to_owned() } else { reason.join(" ") };
    let folder = folder.to_string_lossy();
    Ok(Err(reason.trim_start_matches("Error: ").replace(&*folder, chart.folder)))
}
