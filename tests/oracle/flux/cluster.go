package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	yamlstream "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// A unit is one Flux Kustomization.
type unit struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Path      string `json:"path"`
	// The unit that applies this one; empty for the first.
	Parent string `json:"parent"`
	// Another repository holds it.
	Elsewhere bool `json:"elsewhere,omitempty"`
	Suspended bool `json:"suspended,omitempty"`
	// Other units that apply this one too. Here the first one's spec counts; in a cluster, the last writer's.
	Also []string `json:"also,omitempty"`
	// Sources of variables that no unit produces.
	Missing []string `json:"missing,omitempty"`
	// Variables without a value, for which the controller refuses the unit. The objects are those with empty texts.
	Undefined []string `json:"undefined,omitempty"`
	Objects   []any    `json:"objects"`
	Error     string   `json:"error,omitempty"`

	// Only with --manifests: the kustomization file with which kustomize builds the unit, and its text.
	File     string `json:"file,omitempty"`
	Manifest string `json:"manifest,omitempty"`

	spec *unstructured.Unstructured
	// The folder that its source is unpacked to.
	base string
}

func (u *unit) id() string { return u.Namespace + "/" + u.Name }

// A cluster is everything that follows from the folders its first Kustomization applies.
type cluster struct {
	root string
	// Its own copy of the repository, into which the library writes.
	copy string
	// What generators make of it, each in a folder of its own, by `ExternalArtifact/namespace/name`.
	generated map[string]string
	// What is left out of the source, by its spec.ignore.
	ignore, copiedWithout string
	// What the first Kustomizations look like, once it is known.
	first map[string]*unstructured.Unstructured
	// The source of the first one, `Kind/namespace/name`, and others with its address.
	own   map[string]bool
	built map[string]resmap.ResMap
	given *sources
	// Whether the units tell their kustomization files.
	manifests bool
}

// More rounds than any chain of variables between units is long.
const rounds = 20

// follow builds a cluster until another round would change nothing: a unit may use variables of one that comes later,
// and the first Kustomization may lie in the folder that it applies itself.
func follow(repository, root string, manifests bool) ([]*unit, error) {
	c := &cluster{root: root, first: map[string]*unstructured.Unstructured{}, given: newSources(), manifests: manifests}

	defer func() { c.clean() }()

	var before string

	for range rounds {
		if err := c.fetch(repository); err != nil {
			return nil, err
		}

		units := c.round()
		c.learn(units)

		now, err := json.Marshal([]any{units, c.first, c.given.values, c.ignore, c.own})
		if err != nil {
			return nil, err
		}

		if string(now) == before {
			return units, nil
		}

		before = string(now)
	}

	return nil, fmt.Errorf("%s: the variables of its units never settle", root)
}

// fetch brings a copy of the tree, once, and again when something else is to be left out of it.
func (c *cluster) fetch(repository string) error {
	if c.copy != "" {
		if c.copiedWithout == c.ignore {
			return nil
		}

		c.clean()
	}

	folder, err := os.MkdirTemp("", "flux-build-")
	if err != nil {
		return err
	}

	// kustomize compares paths without links.
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return err
	}

	c.copy, c.copiedWithout, c.built = folder, c.ignore, map[string]resmap.ResMap{}
	c.generated = map[string]string{}

	return fetched(repository, c.ignore, folder)
}

// clean removes what was unpacked.
func (c *cluster) clean() {
	os.RemoveAll(c.copy) //nolint:errcheck

	for _, folder := range c.generated {
		os.RemoveAll(folder) //nolint:errcheck
	}
}

// generate does what source-watcher does for an ArtifactGenerator that copies whole folders of the repository.
func (c *cluster) generate(thing *unstructured.Unstructured) {
	if thing.GetKind() != "ArtifactGenerator" || len(c.own) == 0 {
		return
	}

	sources, _, _ := unstructured.NestedSlice(thing.Object, "spec", "sources")
	artifacts, _, _ := unstructured.NestedSlice(thing.Object, "spec", "artifacts")
	aliases := map[string]bool{}

	for _, source := range sources {
		of := source.(map[string]any)
		name := unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"namespace": thing.GetNamespace()},
			"spec":     map[string]any{"sourceRef": map[string]any{"kind": of["kind"], "name": of["name"]}},
		}}
		aliases[fmt.Sprint(of["alias"])] = c.own[sourceOf(&name)]
	}

	for _, artifact := range artifacts {
		of := artifact.(map[string]any)
		key := "ExternalArtifact/" + thing.GetNamespace() + "/" + fmt.Sprint(of["name"])

		if c.generated[key] != "" {
			continue
		}

		if folder, err := c.copied(of, aliases); err == nil {
			c.generated[key] = folder
		}
	}
}

// copied is a folder with what an artifact is to hold.
func (c *cluster) copied(artifact map[string]any, aliases map[string]bool) (string, error) {
	folder, err := os.MkdirTemp("", "flux-artifact-")
	if err != nil {
		return "", err
	}

	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return "", err
	}

	copies, _, _ := unstructured.NestedSlice(artifact, "copy")

	for _, one := range copies {
		of := one.(map[string]any)
		alias, from, _ := strings.Cut(strings.TrimPrefix(fmt.Sprint(of["from"]), "@"), "/")
		from, whole := strings.CutSuffix(from, "**")
		to, known := strings.CutPrefix(fmt.Sprint(of["to"]), "@artifact/")

		if !aliases[alias] || !whole || !known || of["exclude"] != nil || of["strategy"] != nil {
			os.RemoveAll(folder) //nolint:errcheck

			return "", errors.New("not a copy of a whole folder of the repository")
		}

		if err := os.CopyFS(filepath.Join(folder, to), os.DirFS(filepath.Join(c.copy, from))); err != nil {
			os.RemoveAll(folder) //nolint:errcheck

			return "", err
		}
	}

	return folder, nil
}

// round builds every unit once, the parents first.
func (c *cluster) round() []*unit {
	var units []*unit

	seen := map[string]*unit{}

	for _, folder := range strings.Split(c.root, ",") {
		first := c.firstUnit(folder)
		if seen[first.id()] == nil {
			seen[first.id()] = first
			units = append(units, first)
		}
	}

	for at := 0; at < len(units); at++ {
		parent := units[at]
		c.build(parent)

		for _, object := range parent.Objects {
			c.generate(&unstructured.Unstructured{Object: object.(map[string]any)})
		}

		for _, object := range parent.Objects {
			thing := &unstructured.Unstructured{Object: object.(map[string]any)}
			c.given.learn(thing)

			if !isUnit(thing) {
				continue
			}

			child := c.unitOf(thing, parent)
			if known := seen[child.id()]; known != nil {
				if known != parent && known.Parent != parent.id() && !slices.Contains(known.Also, parent.id()) && known.Parent != "" {
					known.Also = append(known.Also, parent.id())
				}

				continue
			}

			seen[child.id()] = child
			units = append(units, child)
		}
	}

	return units
}

func isUnit(thing *unstructured.Unstructured) bool {
	return thing.GetKind() == "Kustomization" && thing.GroupVersionKind().Group == kustomizev1.GroupVersion.Group
}

func (c *cluster) unitOf(thing *unstructured.Unstructured, parent *unit) *unit {
	made := &unit{Cluster: c.root, Namespace: thing.GetNamespace(), Name: thing.GetName(), spec: thing}

	made.Path, _, _ = unstructured.NestedString(thing.Object, "spec", "path")
	made.Suspended, _, _ = unstructured.NestedBool(thing.Object, "spec", "suspend")

	if parent != nil {
		made.Parent = parent.id()
	}

	made.Elsewhere = len(c.own) > 0 && !c.own[sourceOf(thing)]
	made.base = c.copy

	if folder := c.generated[sourceOf(thing)]; folder != "" {
		made.Elsewhere, made.base = false, folder
	}

	return made
}

// sourceOf is the source a Kustomization is fetched from.
func sourceOf(thing *unstructured.Unstructured) string {
	reference, _, _ := unstructured.NestedStringMap(thing.Object, "spec", "sourceRef")
	namespace := reference["namespace"]

	if namespace == "" {
		namespace = thing.GetNamespace()
	}

	return reference["kind"] + "/" + namespace + "/" + reference["name"]
}

// firstUnit is the Kustomization that somebody puts into the cluster by hand or by an operator.
func (c *cluster) firstUnit(folder string) *unit {
	if known := c.first[folder]; known != nil {
		return c.unitOf(known, nil)
	}

	name := "flux-system"
	if _, again, found := strings.Cut(c.root, ","); found && again != "" && !strings.HasPrefix(c.root, folder+",") {
		name = "flux-system-" + path.Base(folder)
	}

	return c.unitOf(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": kustomizev1.GroupVersion.String(),
		"kind":       "Kustomization",
		"metadata":   map[string]any{"name": name, "namespace": "flux-system"},
		"spec":       map[string]any{"path": folder},
	}}, nil)
}

// build fills in the objects of a unit.
func (c *cluster) build(u *unit) {
	if u.Elsewhere {
		return
	}

	objects, err := c.objects(u)
	if err != nil {
		u.Error = strings.ReplaceAll(err.Error(), u.base, "")

		return
	}

	u.Objects = objects
}

func (c *cluster) objects(u *unit) ([]any, error) {
	// The API server keeps only what the type has, and refuses what does not fit it.
	var typed kustomizev1.Kustomization
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.spec.Object, &typed); err != nil {
		return nil, fmt.Errorf("the Kustomization is not valid: %w", err)
	}

	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&typed)
	if err != nil {
		return nil, err
	}

	spec := unstructured.Unstructured{Object: fields}

	built, err := c.kustomized(u, spec)
	if err != nil {
		return nil, err
	}

	if typed.Spec.PostBuild != nil {
		u.Missing = c.given.missing(&spec)
		always := typed.GetSubstituteStrategy() == kustomizev1.SubstituteStrategyAlways

		if built, u.Undefined, err = c.substitute(built, spec, always); err != nil {
			return nil, err
		}
	}

	text, err := built.AsYaml()
	if err != nil {
		return nil, err
	}

	objects, err := objectsOf(text)
	if err != nil {
		return nil, err
	}

	if common := typed.Spec.CommonMetadata; common != nil {
		for _, object := range objects {
			mark(&unstructured.Unstructured{Object: object.(map[string]any)}, common)
		}
	}

	return objects, nil
}

// mark adds what the controller adds after the build.
func mark(object *unstructured.Unstructured, common *kustomizev1.CommonMetadata) {
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}

	for key, value := range common.Labels {
		labels[key] = value
	}

	if len(labels) > 0 {
		object.SetLabels(labels)
	}

	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}

	for key, value := range common.Annotations {
		annotations[key] = value
	}

	if len(annotations) > 0 {
		object.SetAnnotations(annotations)
	}
}

// kustomized is what the build gives before substitution. It depends on nothing but the tree and the spec.
func (c *cluster) kustomized(u *unit, spec unstructured.Unstructured) (built resmap.ResMap, err error) {
	key, err := json.Marshal([]any{u.base, spec.Object["spec"]})
	if err != nil {
		return nil, err
	}

	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()

	if c.manifests {
		if err := c.tellManifest(u, spec); err != nil {
			return nil, err
		}
	}

	if known := c.built[string(key)]; known != nil {
		return known.DeepCopy(), nil
	}

	folder, err := securejoin.SecureJoin(u.base, u.Path)
	if err != nil {
		return nil, err
	}

	if _, err := os.Stat(folder); err != nil {
		return nil, fmt.Errorf("kustomization path not found: %w", err)
	}

	restore, err := kept(folder)
	if err != nil {
		return nil, err
	}
	defer restore()

	if _, err := kustomize.NewGenerator(u.base, spec).WriteFile(folder); err != nil {
		return nil, err
	}

	if built, err = kustomize.SecureBuild(u.base, folder, false); err != nil {
		return nil, fmt.Errorf("kustomize build failed: %w", err)
	}

	for _, resource := range built.Resources() {
		if resource.GetName() == "" || resource.GetKind() == "" || resource.GetApiVersion() == "" {
			return nil, errors.New("failed to decode Kubernetes apiVersion, kind and name")
		}
	}

	c.built[string(key)] = built.DeepCopy()

	return built, nil
}

// tellManifest notes what the library would write into the folder of a unit.
func (c *cluster) tellManifest(u *unit, spec unstructured.Unstructured) error {
	folder, err := securejoin.SecureJoin(u.base, u.Path)
	if err != nil {
		return err
	}

	text, file, _, err := kustomize.NewGenerator(u.base, spec).GenerateManifest(folder)
	if err != nil {
		return err
	}

	u.File, u.Manifest = strings.TrimPrefix(file, u.base+"/"), string(text)

	return nil
}

// kept remembers the kustomization file of a folder, over which the library writes, and gives what brings it back.
func kept(folder string) (func(), error) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		at := filepath.Join(folder, name)
		if info, err := os.Stat(at); err != nil || info.IsDir() {
			continue
		}

		text, err := os.ReadFile(at)
		if err != nil {
			return nil, err
		}

		return func() { os.WriteFile(at, text, 0o644) }, nil //nolint:errcheck
	}

	return func() { os.Remove(filepath.Join(folder, konfig.DefaultKustomizationFileName())) }, nil //nolint:errcheck
}

// substitute does what the controller does after the build, except that an undefined variable is empty. It names those.
func (c *cluster) substitute(built resmap.ResMap, spec unstructured.Unstructured, always bool) (resmap.ResMap, []string, error) {
	vars, err := c.given.variables(spec)
	if err != nil {
		return nil, nil, err
	}

	inline, _, err := unstructured.NestedStringMap(spec.Object, "spec", "postBuild", "substitute")
	if err != nil {
		return nil, nil, err
	}

	for key, value := range inline {
		vars[key] = value
	}

	names := map[string]bool{}

	for _, resource := range built.Resources() {
		undefined, err := substitutedObject(resource, spec, vars, always)
		if err != nil {
			return nil, nil, fmt.Errorf("post build failed for '%s/%s': %w", resource.GetGvk(), resource.GetName(), err)
		}

		for _, name := range undefined {
			names[name] = true
		}
	}

	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}

	sort.Strings(sorted)

	return built, sorted, nil
}

// substitutedObject substitutes in one object, and names the variables that are undefined and become empty.
func substitutedObject(object *resource.Resource, spec unstructured.Unstructured, vars map[string]string, always bool) ([]string, error) {
	// Without any variable nothing is substituted, which the empty ones must not change.
	if len(vars) == 0 && !always {
		return nil, nil
	}

	// A dry run takes the inline variables alone, so all of them are given as such.
	filled := spec.DeepCopy()

	return undefinedIn(func(defined map[string]string) error {
		trial := map[string]string{}
		for key := range defined {
			trial[key] = ""
		}

		for key, value := range vars {
			trial[key] = value
		}

		if err := unstructured.SetNestedStringMap(filled.Object, trial, "spec", "postBuild", "substitute"); err != nil {
			return err
		}

		_, err := kustomize.SubstituteVariables(context.Background(), nil, *filled, object,
			kustomize.SubstituteWithDryRun(true), kustomize.SubstituteWithStrict(true), kustomize.SubstituteWithAlways(always))

		return err
	})
}

// objectsOf reads a YAML stream as Flux does before it applies it.
func objectsOf(text []byte) ([]any, error) {
	stream := yamlstream.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	objects := []any{}

	for {
		document, err := stream.Read()
		if err == io.EOF {
			return objects, nil
		} else if err != nil {
			return nil, err
		}

		text, err := yaml.YAMLToJSON(document)
		if err != nil {
			return nil, err
		}

		// Whole numbers stay whole.
		var object map[string]any
		if err := utiljson.Unmarshal(text, &object); err != nil {
			return nil, err
		}

		if object == nil {
			continue
		}

		thing := &unstructured.Unstructured{Object: object}
		if thing.GetName() == "" || thing.GetKind() == "" || thing.GetAPIVersion() == "" {
			continue
		}

		if strings.EqualFold(thing.GetKind(), "kustomization") && strings.HasPrefix(thing.GetAPIVersion(), "kustomize.config.k8s.io/") {
			continue
		}

		objects = append(objects, object)
	}
}

// learn finds in the built objects what the first Kustomizations look like, and what they are fetched from.
func (c *cluster) learn(units []*unit) {
	var objects []*unstructured.Unstructured

	for _, u := range units {
		for _, object := range u.Objects {
			objects = append(objects, &unstructured.Unstructured{Object: object.(map[string]any)})
		}
	}

	for _, folder := range strings.Split(c.root, ",") {
		at := slices.IndexFunc(units, func(u *unit) bool { return u.Parent == "" && path.Join("/", u.Path) == path.Join("/", folder) })
		if at < 0 {
			continue
		}

		if found := firstIn(folder, units[at], objects); found != nil {
			c.first[folder] = found
		}
	}

	c.ownSources(units, objects)
}

// firstIn finds the Kustomization that applies a folder: among its own objects, as `flux bootstrap` leaves it there, or
// made by a FluxInstance anywhere.
func firstIn(folder string, root *unit, objects []*unstructured.Unstructured) *unstructured.Unstructured {
	applies := func(thing *unstructured.Unstructured) bool {
		at, _, _ := unstructured.NestedString(thing.Object, "spec", "path")

		return path.Join("/", at) == path.Join("/", folder)
	}

	var found *unstructured.Unstructured

	for _, object := range root.Objects {
		thing := &unstructured.Unstructured{Object: object.(map[string]any)}
		if isUnit(thing) && applies(thing) && (found == nil || thing.GetName() == "flux-system") {
			found = thing
		}
	}

	for _, object := range objects {
		if made := ofInstance(object); found == nil && made != nil && applies(made) {
			found = made
		}
	}

	return found
}

// ownSources finds the source of the first Kustomization. Where that one is not in the repository, it is the source
// that most Kustomizations name. Others with the same address are the same repository.
func (c *cluster) ownSources(units []*unit, objects []*unstructured.Unstructured) {
	own := ""

	for _, folder := range strings.Split(c.root, ",") {
		if first := c.first[folder]; first != nil && own == "" {
			own = sourceOf(first)
		}
	}

	if own == "" {
		count := map[string]int{"GitRepository/flux-system/flux-system": 0}
		for _, u := range units {
			// An ExternalArtifact is made of parts of sources.
			if source := sourceOf(u.spec); u.Parent != "" && !strings.HasPrefix(source, "ExternalArtifact/") {
				count[source]++
			}
		}

		for name, times := range count {
			if own == "" || times > count[own] || times == count[own] && name < own {
				own = name
			}
		}
	}

	address := map[string]string{}

	for _, object := range objects {
		if kind := object.GetKind(); kind == "GitRepository" || kind == "OCIRepository" || kind == "Bucket" {
			name := kind + "/" + object.GetNamespace() + "/" + object.GetName()
			address[name], _, _ = unstructured.NestedString(object.Object, "spec", "url")

			if ignore, found, _ := unstructured.NestedString(object.Object, "spec", "ignore"); found && name == own {
				c.ignore = ignore
			}
		}
	}

	c.own = map[string]bool{}
	if own == "" {
		return
	}

	c.own[own] = true

	for _, first := range units {
		if first.Parent == "" {
			c.own[sourceOf(first.spec)] = true
		}
	}

	for name, url := range address {
		if url != "" && url == address[own] {
			c.own[name] = true
		}
	}
}

// ofInstance is the Kustomization that flux-operator makes for a FluxInstance, also one that its chart makes from values.
func ofInstance(object *unstructured.Unstructured) *unstructured.Unstructured {
	var spec map[string]any

	switch {
	case object.GetKind() == "FluxInstance":
		spec, _, _ = unstructured.NestedMap(object.Object, "spec")
	case object.GetKind() == "HelmRelease":
		spec, _, _ = unstructured.NestedMap(object.Object, "spec", "values", "instance")
	}

	sync, _, _ := unstructured.NestedMap(spec, "sync")

	at, _ := sync["path"].(string)
	if at == "" {
		return nil
	}

	namespace := object.GetNamespace()
	name, _ := sync["name"].(string)

	if name == "" {
		name = namespace
	}

	kind, _ := sync["kind"].(string)
	made := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": kustomizev1.GroupVersion.String(),
		"kind":       "Kustomization",
		"metadata":   map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{
			"path": at, "prune": true, "interval": "10m0s",
			"sourceRef": map[string]any{"kind": kind, "name": name},
		},
	}}

	patches, _, _ := unstructured.NestedSlice(spec, "kustomize", "patches")
	if patched, err := patched(made, patches); err == nil {
		return patched
	}

	return made
}

// patched applies the patches of an instance that aim at something, since the others are for Flux's own Deployments.
func patched(thing *unstructured.Unstructured, patches []any) (*unstructured.Unstructured, error) {
	var aimed []any

	for _, patch := range patches {
		if patch, ok := patch.(map[string]any); ok && patch["target"] != nil {
			aimed = append(aimed, patch)
		}
	}

	resource, err := yaml.Marshal(thing.Object)
	if err != nil {
		return nil, err
	}

	overlay, err := yaml.Marshal(map[string]any{"resources": []string{"sync.yaml"}, "patches": aimed})
	if err != nil {
		return nil, err
	}

	files := filesys.MakeFsInMemory()
	if err := errors.Join(files.WriteFile("/sync.yaml", resource), files.WriteFile("/kustomization.yaml", overlay)); err != nil {
		return nil, err
	}

	built, err := kustomize.Build(files, "/")
	if err != nil || built.Size() != 1 {
		return nil, errors.Join(err, errors.New("the patches of an instance made more than one object"))
	}

	made, err := built.Resources()[0].Map()
	if err != nil {
		return nil, err
	}

	return &unstructured.Unstructured{Object: made}, nil
}
