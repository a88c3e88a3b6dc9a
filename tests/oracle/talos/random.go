package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// chance makes random documents and patches from the library's own types, the same ones for the same seed.
//
// Names come from small pools, so that items of keyed lists and keys of maps meet.
type chance struct {
	*rand.Rand
	deletes bool
}

// pair is a map entry; maps are written in their order, because `$patch: delete` in a list takes the first key.
type pair struct {
	key   string
	value any
}

type ordered []pair

func (o ordered) MarshalJSON() ([]byte, error) {
	parts := make([]string, 0, len(o))

	for _, entry := range o {
		key, err := json.Marshal(entry.key)
		if err != nil {
			return nil, err
		}

		value, err := json.Marshal(entry.value)
		if err != nil {
			return nil, err
		}

		parts = append(parts, string(key)+":"+string(value))
	}

	return []byte("{" + strings.Join(parts, ",") + "}"), nil
}

// printRandom prints cases of merges.
func printRandom(count int, seed int64) {
	for index := range count {
		c := chance{Rand: rand.New(rand.NewSource(seed + int64(index)))}

		documents := c.documents(0.35)
		c.deletes = c.Intn(3) == 0

		patches := make([][]any, 1+c.Intn(3))
		for i := range patches {
			patches[i] = c.documents(0.2)
		}

		line, err := json.Marshal(map[string]any{
			"name": fmt.Sprintf("random-%d", seed+int64(index)), "mode": "patch", "documents": documents, "patches": patches,
		})
		if err != nil {
			panic(err)
		}

		fmt.Println(string(line))
	}
}

// printOptions prints cases of the generator with random options.
func printOptions(count int, seed int64) {
	for index := range count {
		c := chance{Rand: rand.New(rand.NewSource(seed + int64(index)))}
		discovery := c.Intn(2) == 0

		options := map[string]any{
			"install_disk":      "/dev/vda",
			"allow_scheduling":  c.Intn(2) == 0,
			"discovery":         discovery,
			"dns_domain":        c.one("", "example.com"),
			"sans":              c.one([]string{}, []string{"foo"}, []string{"foo", "10.0.0.9"}),
			"api_server_port":   c.one(0, 5443),
			"kubeprism_port":    c.one(0, 7445, 7446),
			"extra_kernel_args": c.one([]string{}, []string{"foo=bar", "bar=baz"}),
		}

		if c.Intn(2) == 0 {
			options["install_image"] = "factory.example/metal-installer/x:v1.11.2"
		}

		if c.Intn(2) == 0 {
			options["cni"] = c.one(ordered{{"name", "none"}}, ordered{{"name", "flannel"}}, ordered{{"name", "custom"}, {"urls", []string{"https://example.com/cni.yaml"}}})
		}

		if c.Intn(2) == 0 {
			options["sysctls"] = map[string]string{"foo": "bar", "net.ipv4.ip_forward": "1"}
		}

		if c.Intn(2) == 0 {
			options["mirrors"] = map[string][]string{"ghcr.io": {"https://mirror.example", "https://ghcr.io"}, "docker.io": {}}
		}

		if c.Intn(2) == 0 {
			options["pod_subnets"] = []string{"10.1.0.0/16", "fd00:1::/56"}
			options["service_subnets"] = []string{"10.2.0.0/16", "fd00:2::/112"}
		}

		line, err := json.Marshal(map[string]any{
			"name": fmt.Sprintf("options-%d", seed+int64(index)), "mode": "generate", "contract": "v1.11", "cluster": "base",
			"endpoint":   c.one("https://base:6443", "https://10.0.0.1:6443", "https://[fd00::1]:6443", "https://kube.example.com"),
			"kubernetes": c.one("1.34.1", "1.32.1"), "role": c.one("controlplane", "worker"), "options": options,
		})
		if err != nil {
			panic(err)
		}

		fmt.Println(string(line))
	}
}

func (c chance) documents(density float64) []any {
	documents := []any{c.object(reflect.TypeFor[v1alpha1.Config](), density, 0)}

	kinds := []string{"ExtensionServiceConfig", "VolumeConfig", "UserVolumeConfig", "NetworkRuleConfig", "WatchdogTimerConfig", "EthernetConfig"}
	for _, kind := range kinds {
		if c.Intn(4) > 0 {
			continue
		}

		provider, err := configloader.NewFromBytes([]byte("apiVersion: v1alpha1\nkind: " + kind + "\n"))
		if err != nil {
			panic(err)
		}

		document := ordered{{"apiVersion", "v1alpha1"}, {"kind", kind}}

		for _, entry := range c.object(reflect.TypeOf(provider.Documents()[0]).Elem(), 0.6, 0) {
			if entry.key != "apiVersion" && entry.key != "kind" {
				document = append(document, entry)
			}
		}

		documents = append(documents, document)
	}

	return documents
}

func (c chance) object(t reflect.Type, density float64, depth int) ordered {
	var object ordered

	for i := range t.NumField() {
		field := t.Field(i)
		tag := strings.Split(field.Tag.Get("yaml"), ",")

		if !field.IsExported() || tag[0] == "-" {
			continue
		}

		if len(tag) > 1 && tag[1] == "inline" {
			object = append(object, c.object(field.Type, density, depth)...)

			continue
		}

		// What identifies an item is nearly always there.
		needed := tag[0] == "protocol" || tag[0] == "portSelector"
		identifies := tag[0] == "name" || tag[0] == "interface" || tag[0] == "vlanId" || tag[0] == "mountPath"
		if depth == 0 && (tag[0] == "machine" || tag[0] == "cluster") || needed || identifies && c.Intn(10) > 0 || c.Float64() < density {
			object = append(object, pair{tag[0], c.value(field.Type, tag[0], density, depth+1)})
		}
	}

	// Only where a patch would have it: not in the whole, seldom elsewhere.
	if c.deletes && depth > 0 && t.Name() != "RulePortSelector" && c.Intn(12) == 0 {
		object = append(object, pair{"$patch", "delete"})
	}

	return object
}

func (c chance) value(t reflect.Type, name string, density float64, depth int) any {
	if c.Intn(60) == 0 && name != "protocol" && name != "portSelector" {
		return nil
	}

	if value, ok := c.special(t, name); ok {
		return value
	}

	switch t.Kind() {
	case reflect.Pointer:
		return c.value(t.Elem(), name, density, depth)
	case reflect.Slice:
		items := make([]any, c.Intn(3))
		for i := range items {
			items[i] = c.value(t.Elem(), name, density+0.2, depth+1)
		}

		return items
	case reflect.Map:
		object := ordered{}
		for _, key := range []string{"a", "b", "c"} {
			if c.Intn(2) == 0 {
				object = append(object, pair{key, c.value(t.Elem(), key, density+0.2, depth+1)})
			}
		}

		return object
	case reflect.Struct:
		object := c.object(t, density+0.1, depth)
		if object == nil {
			return ordered{}
		}

		return object
	case reflect.Bool:
		return c.Intn(2) == 0
	case reflect.String:
		return c.one("", "x", "eth0", "eth1", "10.0.0.0/8", "on", "1e3", "true", "two words")
	default:
		return c.Intn(4)
	}
}

func (c chance) one(values ...any) any { return values[c.Intn(len(values))] }

func (c chance) special(t reflect.Type, name string) (any, bool) {
	switch t.String() {
	case "x509.PEMEncodedCertificateAndKey":
		return c.one(ordered{{"crt", "YQ=="}}, ordered{{"crt", "Yg=="}, {"key", "aw=="}}, ordered{{"key", "bA=="}}, ordered{}), true
	case "x509.PEMEncodedCertificate":
		return c.one(ordered{{"crt", "YQ=="}}, ordered{{"crt", ""}}), true
	case "x509.PEMEncodedKey":
		return c.one(ordered{{"key", "YQ=="}}, ordered{{"key", "aw=="}}), true
	case "v1alpha1.Unstructured":
		return c.free(0), true
	case "v1alpha1.Endpoint", "meta.URL":
		return c.one("https://a:6443", "https://b/path", "tcp://10.0.0.1:514", "https://c:1/x?q=1"), true
	case "v1alpha1.InstallDiskSizeMatcher":
		return c.one(">= 100GB", "4GB", "<= 1TiB"), true
	case "v1alpha1.DiskSize":
		return c.one("100 GB", "1.5 TB", 4096, "3kB", "9.9GB"), true
	case "v1alpha1.FileMode":
		return c.one(0o644, 0o600, 0), true
	case "v1alpha1.Base64Bytes":
		return c.one("YQ==", ""), true
	case "network.PortRange":
		return c.one(80, "8000-8080", "443-443"), true
	case "time.Duration":
		return c.one("15s", "90s", "1h", "250ms", "0s"), true
	case "block.ByteSize":
		return c.one("10GiB", "100GB"), true
	case "cel.Expression":
		return c.one("disk.size > 1u", "!system_disk"), true
	case "netip.Prefix", "network.Prefix":
		return c.one("10.0.0.0/8", "fd00::/64"), true
	case "netip.AddrPort":
		return c.one("10.0.0.1:51820", "[fd00::1]:51820"), true
	case "nethelpers.Protocol":
		return c.one("tcp", "udp"), true
	case "nethelpers.DefaultAction":
		return c.one("accept", "block"), true
	case "block.EncryptionProviderType":
		return c.one("luks2"), true
	case "block.FilesystemType":
		return c.one("xfs", "ext4"), true
	case "uint16":
		if name == "vlanId" {
			return 1 + c.Intn(2), true
		}
	}

	return nil, false
}

func (c chance) free(depth int) any {
	object := ordered{}

	for _, key := range []string{"a", "b", "list", "map"} {
		if c.Intn(2) > 0 {
			continue
		}

		switch {
		case key == "list":
			object = append(object, pair{key, []any{c.one("x", 1, true)}})
		case key == "map" && depth < 2:
			object = append(object, pair{key, c.free(depth + 1)})
		case key == "a":
			object = append(object, pair{key, c.one("x", "", "y")})
		default:
			// Now and then of another kind than the one it meets.
			object = append(object, pair{key, c.one(1, 2, 0, 1, 2, "z", 1.5)})
		}
	}

	return object
}
