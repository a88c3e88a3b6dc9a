//! Flags and their help.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{calendar::Date, report::Format};

/// Under which heading the options of every command stand.
const GLOBAL: &str = "Options of every command";
/// What the inventory is called unless somebody names it.
pub const DEFAULT_INVENTORY: &str = "inventory.toml";

/// Compile one inventory into a whole GitOps repository, or check one that was written by hand
#[derive(Debug, Parser)]
#[command(
    name = "gitopsc",
    version,
    about,
    max_term_width = 100,
    after_help = "Exit codes: 0 clean, 1 findings or differences, 2 could not run, 101 a bug of gitopsc."
)]
pub struct Arguments {
    /// Run in this folder, not in the one that holds the inventory (here or the nearest above)
    #[arg(short = 'C', value_name = "DIR", global = true, help_heading = GLOBAL)]
    pub directory: Option<String>,
    /// The name of the inventory, or its path below the folder
    #[arg(
        short,
        long,
        value_name = "FILE",
        global = true,
        help_heading = GLOBAL,
        default_value = DEFAULT_INVENTORY,
        env = "GITOPSC_INVENTORY"
    )]
    pub inventory: String,
    /// Lay [profiles.NAME] over the inventory; `build` then wants --out, as this is not the tree that is committed
    #[arg(short, long, value_name = "NAME", global = true, help_heading = GLOBAL)]
    pub profile: Option<String>,
    /// How findings are printed, or a graph is drawn
    #[arg(long, value_name = "FORMAT", global = true, default_value = "human", help_heading = GLOBAL)]
    pub format: Format,
    /// When messages are coloured
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", help_heading = GLOBAL)]
    pub color: Color,
    /// Say nothing where there is nothing wrong
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// When messages are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile inventory.toml, templates/ and secrets/ into out/; write nothing if there is an error
    Build(Build),
    /// Report every problem, of an inventory or of any GitOps repository; write nothing
    Check(Check),
    /// List every object that more than one owner puts into a cluster, over all tools
    Conflicts {
        #[command(flatten)]
        #[expect(missing_docs, reason = "a doc comment would become its help")]
        survey: Survey,
    },
    /// Say who makes an object, a file, an address or a host, from which lines, and who needs it
    Why {
        /// `Kind:namespace/name`, `helm:namespace/release`, a file with or without `:LINE`, an address or a host name
        what: String,
        #[command(flatten)]
        #[expect(missing_docs, reason = "a doc comment would become its help")]
        survey: Survey,
    },
    /// Draw who waits for whom, written and inferred, or who owns what
    Graph(Graph),
    /// Play the start of a cluster from nothing, and stop where it would hang
    Bootstrap {
        #[command(flatten)]
        #[expect(missing_docs, reason = "a doc comment would become its help")]
        survey: Survey,
    },
    /// Print what Flux would apply for a unit of any repository, or the files of a service and what it waits for
    Render(Render),
    /// Encrypt a value for this cluster; reads it from standard input or a file
    Seal(Seal),
    /// Show or pin the certificate that secrets are sealed with
    Cert {
        /// What to do
        #[command(subcommand)]
        what: Cert,
    },
    /// Print what a node boots with: its configuration with secrets, the schematic of its image
    Talos {
        /// What to do
        #[command(subcommand)]
        what: Talos,
    },
    /// Explain the code of a finding, or list all codes
    Explain {
        /// The code, as it stands in a finding's brackets
        code: Option<String>,
    },
    /// Print the JSON Schema of inventory.toml or gitopsc.toml, for editors
    Schema {
        /// Of gitopsc.toml, the settings of a repository without an inventory
        #[arg(long)]
        settings: bool,
        /// Print the reference as Markdown instead
        #[arg(long)]
        markdown: bool,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Judge allowances and certificates by this day too; a build knows no date
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<Date>,
    /// Leave out the findings that this file holds
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<String>,
    /// Write today's findings to this file, for later runs to leave out
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub write_baseline: Option<String>,
    #[command(flatten)]
    pub survey: Survey,
}

/// Flags of `graph`.
#[derive(Debug, Args)]
pub struct Graph {
    /// What is drawn
    #[arg(long, value_name = "WHAT", default_value = "deps")]
    pub of: Of,
    /// Only what this unit, object or owner is joined to
    #[arg(long, value_name = "NAME")]
    pub focus: Option<String>,
    /// Mark the longest chain of units that wait for each other
    #[arg(long)]
    pub critical_path: bool,
    /// Also draw inferred edges that heal by themselves
    #[arg(long)]
    pub soft: bool,
    #[command(flatten)]
    pub survey: Survey,
}

/// What a graph shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// Units, and which of them wait for which
    Deps,
    /// Objects with more than one owner, and their owners
    Owners,
}

/// Flags of every command that reads a repository.
#[derive(Debug, Args)]
pub struct Survey {
    /// Take this folder for what the first Kustomization of a cluster applies, instead of looking for it; may be repeated
    #[arg(long = "root", value_name = "DIR")]
    pub roots: Vec<String>,
    /// A Terraform plan, as `terraform show -json` prints it; may be repeated
    #[arg(long = "tf-plan", value_name = "FILE")]
    pub terraform_plans: Vec<String>,
    /// Call `helm template` on charts that lie in the repository
    #[arg(long)]
    pub helm: bool,
    /// Call `kubectl kustomize` for what is not built here, such as remote resources; it may use the network
    #[arg(long)]
    pub fallback: bool,
}

/// Flags of `render`.
#[derive(Debug, Args)]
pub struct Render {
    /// Units, as `namespace/name`; or a service of the inventory, as `service` or `service-phase`
    #[arg(required_unless_present = "all", value_name = "NAME")]
    pub names: Vec<String>,
    /// Every unit
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Write a file for each unit below this folder, as CLUSTER/NAMESPACE/NAME.yaml
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<String>,
    /// Only units of this cluster
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Take this folder for what the first Kustomization of a cluster applies, instead of looking for it; may be repeated
    #[arg(long = "root", value_name = "DIR")]
    pub roots: Vec<String>,
}

/// Flags of `build`.
#[derive(Debug, Args)]
pub struct Build {
    /// Write nothing; exit 1 if out/ is not what a build would write, and say where
    #[arg(long, conflicts_with_all = ["hook", "diff"])]
    pub check: bool,
    /// For git hooks: exit 1 if anything was written, created or removed, so that it can be staged
    #[arg(long, conflicts_with = "diff")]
    pub hook: bool,
    /// Write nothing; print what would change as a diff, and exit 1 if something would
    #[arg(long)]
    pub diff: bool,
    /// Overwrite files in out/ that were edited by hand or written by something else
    #[arg(long)]
    pub force: bool,
    /// The folder to write instead of out/
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<String>,
}

/// Flags of `seal`.
#[derive(Debug, Args)]
pub struct Seal {
    /// The service, or `service-phase`
    pub service: String,
    /// The Secret, a name in the service's `secrets`
    pub secret: String,
    /// The key in the Secret, one of its `sealed` keys
    pub key: String,
    /// Read the value from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<String>,
    /// Seal even an empty value
    #[arg(long)]
    pub allow_empty: bool,
    /// Seal even a bare `null`, which a failed lookup leaves behind
    #[arg(long)]
    pub allow_null: bool,
}

/// What `cert` can do.
#[derive(Debug, Subcommand)]
pub enum Cert {
    /// Print subject, validity and digest of the certificate
    Show,
    /// Write the digest of its public key into the inventory; another certificate is then refused
    Pin,
}

/// What `talos` can do.
#[derive(Debug, Subcommand)]
pub enum Talos {
    /// Print the full configuration of a node, secrets filled in
    Config {
        /// The node
        node: String,
        /// The secrets bundle (`talosctl gen secrets`), plain or encrypted with age
        #[arg(long, value_name = "FILE")]
        secrets: String,
        /// Secrets of single nodes: a YAML map of nodes, each a map of names; plain or encrypted with age
        #[arg(long, value_name = "FILE")]
        node_secrets: Option<String>,
        /// The age identities that decrypt them [env: SOPS_AGE_KEY_FILE, SOPS_AGE_KEY]
        #[arg(long, value_name = "FILE")]
        identity: Option<String>,
        /// Write to this file, readable by its owner only, instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<String>,
    },
    /// Print the schematic of a node's installer image, and its ID
    Schematic {
        /// The node
        node: String,
    },
}
