// The official Talos library behind JSON lines: one case a line on stdin, one answer a line on stdout.
//
// Modes of a case:
//
//	generate  the configuration the official generator makes for a description, patched and validated in metal mode
//	patch     documents merged with patches
//	validate  what `talosctl validate --mode metal` says of documents, or of a text
//	schematic the ID of a boot image, and the network in its META
//	bundle    a new secrets bundle
//
// `talos -fields` prints the field table of src/talos/fields/ instead, `talos -random N -seed S` prints random merges.
package main

import (
	"bufio"
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config"
	configdoc "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"gopkg.in/yaml.v3"
)

type testCase struct {
	Name       string              `json:"name"`
	Mode       string              `json:"mode"`
	Contract   string              `json:"contract"`
	Cluster    string              `json:"cluster"`
	Endpoint   string              `json:"endpoint"`
	Kubernetes string              `json:"kubernetes"`
	Role       string              `json:"role"`
	Options    options             `json:"options"`
	Documents  []json.RawMessage   `json:"documents"`
	Patches    [][]json.RawMessage `json:"patches"`
	// Of `validate` and `schematic`: YAML as it stands in a file.
	Text string `json:"text"`
	// By which the official generator gets what the other side has words for.
	Official [][]json.RawMessage `json:"official"`
	// The other side's words, and what it fills into markers.
	Ours        json.RawMessage `json:"ours"`
	NodeSecrets json.RawMessage `json:"node_secrets"`
}

type options struct {
	InstallDisk     string              `json:"install_disk"`
	InstallImage    string              `json:"install_image"`
	ExtraKernelArgs []string            `json:"extra_kernel_args"`
	SANs            []string            `json:"sans"`
	DNSDomain       string              `json:"dns_domain"`
	CNI             *cni                `json:"cni"`
	AllowScheduling bool                `json:"allow_scheduling"`
	APIServerPort   int                 `json:"api_server_port"`
	Discovery       *bool               `json:"discovery"`
	KubePrismPort   *int                `json:"kubeprism_port"`
	Sysctls         map[string]string   `json:"sysctls"`
	Mirrors         map[string][]string `json:"mirrors"`
	PodSubnets      []string            `json:"pod_subnets"`
	ServiceSubnets  []string            `json:"service_subnets"`
}

type cni struct {
	Name string   `json:"name"`
	URLs []string `json:"urls"`
}

type answer struct {
	Name      string   `json:"name"`
	Documents []any    `json:"documents,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Bundle    string   `json:"bundle,omitempty"`
	Error     string   `json:"error,omitempty"`

	Schematic *schematicAnswer `json:"schematic,omitempty"`
}

type schematicAnswer struct {
	ID      string `json:"id"`
	Text    string `json:"text"`
	Network any    `json:"network,omitempty"`
}

func main() {
	fields := flag.Bool("fields", false, "print the field table")
	random := flag.Int("random", 0, "print this many random merges as cases")
	options := flag.Int("options", 0, "print this many random descriptions as cases")
	bundle := flag.String("bundle", "", "the file of the secrets bundle")
	markers := flag.Bool("markers", false, "write the bundle's values as markers, which keeps recorded answers short")
	seed := flag.Int64("seed", 1, "the first one's seed")
	flag.Parse()

	if *fields {
		printFields()

		return
	}

	if *options > 0 {
		printOptions(*options, *seed)

		return
	}

	if *random > 0 {
		printRandom(*random, *seed)

		return
	}

	text, err := os.ReadFile(*bundle)
	if err != nil && *bundle != "" {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}

	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)

	defer out.Flush() //nolint:errcheck

	shorter := strings.NewReplacer()

	if *markers {
		var values map[string]any

		if err := yaml.Unmarshal(text, &values); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}

		shorter = strings.NewReplacer(markersOf("bundle", values)...)
	}

	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var encoded strings.Builder

			encode := json.NewEncoder(&encoded)
			encode.SetEscapeHTML(false)

			if err := encode.Encode(solve(line, string(text))); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}

			out.WriteString(shorter.Replace(encoded.String())) //nolint:errcheck
		}

		if err != nil {
			return
		}
	}
}

// markersOf pairs every value below a path with its marker.
func markersOf(path string, value any) []string {
	switch value := value.(type) {
	case map[string]any:
		var pairs []string
		for key, inner := range value {
			pairs = append(pairs, markersOf(path+"."+key, inner)...)
		}

		return pairs
	case string:
		return []string{value, "<gitopsc:" + path + ">"}
	default:
		return nil
	}
}

func solve(line []byte, bundle string) (result answer) {
	var c testCase

	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()

	if err := decoder.Decode(&c); err != nil {
		return answer{Error: "case: " + err.Error()}
	}

	// The library panics on some patches, for example on a path through an absent pointer.
	defer func() {
		if p := recover(); p != nil {
			result = answer{Name: c.Name, Error: fmt.Sprintf("panic: %v", p)}
		}
	}()

	result.Name = c.Name

	var err error

	switch c.Mode {
	case "generate":
		result.Documents, err = generated(c, bundle)
		if err == nil {
			result.Warnings, err = validatedAgain(result.Documents)
		}
	case "patch":
		result.Documents, err = patched(joined(c.Documents), c.Patches)
	case "validate":
		text := append([]byte(c.Text), joined(c.Documents)...)
		result.Warnings, err = validated(text)
	case "schematic":
		result.Schematic, err = schematicOf(c.Text)
	case "bundle":
		result.Bundle, err = newBundle(c.Contract)
	default:
		err = fmt.Errorf("no mode %q", c.Mode)
	}

	if err != nil {
		result.Error = err.Error()
	}

	return result
}

func newBundle(contract string) (string, error) {
	versionContract, err := config.ParseContractFromVersion(contract)
	if err != nil {
		return "", err
	}

	bundle, err := secrets.NewBundle(secrets.NewFixedClock(time.Now()), versionContract)
	if err != nil {
		return "", err
	}

	text, err := yaml.Marshal(bundle)

	return string(text), err
}

func generated(c testCase, secretsBundle string) ([]any, error) {
	versionContract, err := config.ParseContractFromVersion(c.Contract)
	if err != nil {
		return nil, err
	}

	bundle := &secrets.Bundle{Clock: secrets.NewClock()}
	if err = yaml.Unmarshal([]byte(secretsBundle), bundle); err != nil {
		return nil, err
	}

	role, err := machine.ParseType(c.Role)
	if err != nil {
		return nil, err
	}

	input, err := generate.NewInput(c.Cluster, c.Endpoint, c.Kubernetes, c.Options.list(bundle, versionContract)...)
	if err != nil {
		return nil, err
	}

	if c.Options.PodSubnets != nil {
		input.PodNet = c.Options.PodSubnets
	}

	if c.Options.ServiceSubnets != nil {
		input.ServiceNet = c.Options.ServiceSubnets
	}

	provider, err := input.Config(role)
	if err != nil {
		return nil, err
	}

	text, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		return nil, err
	}

	return patched(text, append(c.Official, c.Patches...))
}

func (o options) list(bundle *secrets.Bundle, contract *config.VersionContract) []generate.Option {
	list := []generate.Option{
		generate.WithSecretsBundle(bundle),
		generate.WithVersionContract(contract),
		generate.WithInstallDisk(o.InstallDisk),
		generate.WithInstallImage(o.InstallImage),
		generate.WithInstallExtraKernelArgs(o.ExtraKernelArgs),
		generate.WithAdditionalSubjectAltNames(o.SANs),
		generate.WithAllowSchedulingOnControlPlanes(o.AllowScheduling),
		generate.WithLocalAPIServerPort(o.APIServerPort),
	}

	if o.DNSDomain != "" {
		list = append(list, generate.WithDNSDomain(o.DNSDomain))
	}

	if o.CNI != nil {
		list = append(list, generate.WithClusterCNIConfig(&v1alpha1.CNIConfig{CNIName: o.CNI.Name, CNIUrls: o.CNI.URLs}))
	}

	if o.Discovery != nil {
		list = append(list, generate.WithClusterDiscovery(*o.Discovery))
	}

	if o.KubePrismPort != nil {
		list = append(list, generate.WithKubePrismPort(*o.KubePrismPort))
	}

	if o.Sysctls != nil {
		list = append(list, generate.WithSysctls(o.Sysctls))
	}

	for host, endpoints := range o.Mirrors {
		list = append(list, generate.WithRegistryMirror(host, endpoints...))
	}

	return list
}

// joined makes one text of several documents: JSON is YAML, and keeps the order of keys.
func joined(documents []json.RawMessage) []byte {
	parts := make([]string, 0, len(documents))
	for _, document := range documents {
		parts = append(parts, string(document))
	}

	return []byte(strings.Join(parts, "\n---\n") + "\n")
}

func patched(text []byte, patches [][]json.RawMessage) ([]any, error) {
	list := make([]configpatcher.Patch, 0, len(patches))

	for index, documents := range patches {
		patch, err := configpatcher.LoadPatch(joined(documents))
		if err != nil {
			return nil, fmt.Errorf("patch %d: %w", index, err)
		}

		list = append(list, patch)
	}

	output, err := configpatcher.Apply(configpatcher.WithBytes(text), list)
	if err != nil {
		return nil, err
	}

	provider, err := output.Config()
	if err != nil {
		return nil, err
	}

	encoded, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		return nil, err
	}

	// Read once more: what the loader would refuse is no result.
	if _, err = configloader.NewFromBytes(encoded); err != nil {
		return nil, err
	}

	return parsed(encoded)
}

func parsed(text []byte) ([]any, error) {
	var documents []any

	decoder := yaml.NewDecoder(bytes.NewReader(text))

	for {
		var document any

		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}

		if err != nil {
			return nil, err
		}

		documents = append(documents, document)
	}
}

type metal struct{}

func (metal) String() string        { return "metal" }
func (metal) RequiresInstall() bool { return true }
func (metal) InContainer() bool     { return false }

// validatedAgain judges what was made, in metal mode.
func validatedAgain(documents []any) ([]string, error) {
	list := make([]json.RawMessage, 0, len(documents))

	for _, document := range documents {
		text, err := json.Marshal(document)
		if err != nil {
			return nil, err
		}

		list = append(list, text)
	}

	return validated(joined(list))
}

func validated(text []byte) ([]string, error) {
	provider, err := configloader.NewFromBytes(text)
	if err != nil {
		return nil, err
	}

	return provider.Validate(metal{})
}

// The kinds of every contract; those this version of the library does not know are left out.
var kinds = strings.Fields(`
	BGPInstanceConfig BlackholeRouteConfig BondConfig BridgeConfig DHCPv4Config DHCPv6Config DummyLinkConfig
	EnvironmentConfig EthernetConfig EventSinkConfig ExistingVolumeConfig ExtensionServiceConfig ExternalVolumeConfig
	HCloudVIPConfig HostnameConfig ImageVerificationConfig KmsgLogConfig KubeSpanConfig KubeSpanEndpointsConfig
	Layer2VIPConfig LinkAliasConfig LinkConfig NetworkDefaultActionConfig NetworkRuleConfig OOMConfig PCIDriverRebindConfig
	RawVolumeConfig RegistryAuthConfig RegistryMirrorConfig RegistryTLSConfig ResolverConfig RoutingRuleConfig
	SideroLinkConfig StaticHostConfig SwapVolumeConfig TCPProbeConfig TimeSyncConfig TrustedRootsConfig UserVolumeConfig
	VLANConfig VRFConfig VolumeConfig WatchdogTimerConfig WireguardConfig ZswapConfig`)

// Lists that merge item by item, with the fields that tell items apart.
var keyed = map[string]string{
	"v1alpha1.NetworkDeviceList":         "interface,deviceSelector",
	"v1alpha1.VlanList":                  "vlanId",
	"v1alpha1.AdmissionPluginConfigList": "name",
	"extensions.ConfigFileList":          "mountPath",
}

var (
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	yamlMarshaler = reflect.TypeFor[yaml.Marshaler]()
	merger        = reflect.TypeFor[interface{ Merge(other any) error }]()
)

func printFields() {
	structs := map[string][]string{}

	fmt.Println("# The fields of every document, in the order they are written: made by `talos -fields` of tests/oracle/talos")
	fmt.Println("# from github.com/siderolabs/talos/pkg/machinery v1.11.5. src/talos/fields.rs explains the words.")
	fmt.Println("document v1alpha1 v1alpha1.Config")
	describe(reflect.TypeFor[v1alpha1.Config](), structs)

	for _, kind := range kinds {
		provider, err := configloader.NewFromBytes([]byte("apiVersion: v1alpha1\nkind: " + kind + "\n"))
		if err != nil || len(provider.Documents()) == 0 {
			continue
		}

		document := provider.Documents()[0]
		named := ""

		if _, ok := document.(configdoc.NamedDocument); ok {
			named = " named"
		}

		fmt.Println("document", kind, describe(reflect.TypeOf(document).Elem(), structs)+named)
	}

	delete(structs, "meta.Meta")

	names := make([]string, 0, len(structs))
	for name := range structs {
		names = append(names, name)
	}

	sort.Strings(names)

	for _, name := range names {
		fmt.Println("struct", name)

		for _, field := range structs[name] {
			fmt.Println("  " + field)
		}
	}
}

func describe(t reflect.Type, structs map[string][]string) string {
	if keys, ok := keyed[t.String()]; ok {
		return "{" + keys + "}" + describe(t.Elem(), structs)
	}

	switch t.String() {
	case "x509.PEMEncodedCertificateAndKey", "x509.PEMEncodedCertificate", "x509.PEMEncodedKey",
		"v1alpha1.Unstructured", "v1alpha1.Endpoint", "v1alpha1.InstallDiskSizeMatcher", "v1alpha1.DiskSize",
		"v1alpha1.FileMode", "v1alpha1.Base64Bytes", "meta.URL", "network.PortRange", "time.Duration":
		return "@" + t.Name()
	}

	if t.Kind() != reflect.Pointer && (t.Implements(textMarshaler) || reflect.PointerTo(t).Implements(textMarshaler)) {
		zero, _ := reflect.New(t).Interface().(encoding.TextMarshaler).MarshalText()

		if reflect.PointerTo(t).Implements(merger) {
			return "@text!:" + string(zero)
		}

		return "@text:" + string(zero)
	}

	switch t.Kind() {
	case reflect.Pointer:
		return "*" + describe(t.Elem(), structs)
	case reflect.Slice:
		return "[]" + describe(t.Elem(), structs)
	case reflect.Map:
		return "{}" + describe(t.Elem(), structs)
	case reflect.Interface:
		return "any"
	case reflect.Struct:
		name := t.String()

		if _, ok := structs[name]; !ok {
			structs[name] = nil
			structs[name] = describeFields(t, structs)
		}

		if t.Implements(yamlMarshaler) || reflect.PointerTo(t).Implements(yamlMarshaler) {
			panic("an own marshaller: " + name)
		}

		return name
	default:
		return t.Kind().String()
	}
}

func describeFields(t reflect.Type, structs map[string][]string) []string {
	var lines []string

	for i := range t.NumField() {
		field := t.Field(i)
		tag := strings.Split(field.Tag.Get("yaml"), ",")

		if !field.IsExported() || tag[0] == "-" {
			continue
		}

		inline := false
		line := tag[0] + " " + describe(field.Type, structs)

		for _, part := range tag[1:] {
			inline = inline || part == "inline"

			if part == "omitempty" {
				line += " omitempty"
			}
		}

		if inline {
			lines = append(lines, describeFields(field.Type, structs)...)

			continue
		}

		if field.Tag.Get("merge") == "replace" {
			line += " replace"
		}

		lines = append(lines, line)
	}

	return lines
}
