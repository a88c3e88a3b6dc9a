// What Flux would apply, by Flux's own build library.
//
//	flux-build --root DIR [--root DIR]... REPOSITORY
//
// builds every Kustomization of a repository, from the folder that the first one of each cluster applies, and prints
//
//	{"units": [{"cluster", "namespace", "name", "path", "parent", "objects": […] | "error": "…"}]}
//
// with the objects in the order in which kustomize gives them (with `--manifests` instead the kustomization file and its text,
// with which kustomize alone builds the unit, but for variables and common metadata). Each `--root` is a cluster, a world of its own; one that
// is started from several folders is written `--root DIR,DIR`. Nothing is written into the repository. The other modes
// read JSON lines and answer each with one:
//
//	flux-build --envsubst   {"text", "vars"} -> {"out", "undefined"} or {"error"}, as kustomize-controller substitutes
//	flux-build --substitute {"object", "vars", "always"} -> {"object", "undefined"} or {"error"}, what is left of one object
//	flux-build --yaml       an object -> {"yaml"}, the text on which Flux substitutes
//	flux-build --kustomize  {"files": {path: text}, "path"} -> {"objects"} or {"error"}, as Flux builds
//	flux-build --read       {"text"} -> {"objects"} or {"error"}, as Flux reads a YAML stream
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"github.com/fluxcd/pkg/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// A list of values for a flag that may be given again.
type several []string

func (s *several) String() string { return fmt.Sprint(*s) }

func (s *several) Set(value string) error {
	*s = append(*s, value)

	return nil
}

// A network is no part of a repository: remote bases and resources are refused, not fetched.
type refused struct{}

func (refused) RoundTrip(request *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s is not in the repository", request.URL.Redacted())
}

func stayOffline() {
	http.DefaultTransport = refused{}

	for _, name := range []string{"GIT_ALLOW_PROTOCOL", "GIT_TERMINAL_PROMPT"} {
		if err := os.Setenv(name, "0"); err != nil {
			stop(err)
		}
	}
}

func main() {
	stayOffline()

	var roots several

	manifests := flag.Bool("manifests", false, "tell the kustomization file that each unit is built with, and no objects")

	flag.Var(&roots, "root", "the folder, seen from the repository, that the first Kustomization of a cluster applies")

	modes := map[string]func([]byte) any{
		"envsubst": envsubstLine, "substitute": substituteLine, "yaml": yamlLine, "kustomize": kustomizeLine, "read": readLine,
	}
	wanted := map[string]*bool{}

	for name := range modes {
		wanted[name] = flag.Bool(name, false, "answer JSON lines")
	}

	flag.Parse()

	for name, answer := range modes {
		if *wanted[name] {
			eachLine(answer)

			return
		}
	}

	if flag.NArg() != 1 || len(roots) == 0 {
		fmt.Fprintln(os.Stderr, "usage: flux-build --root DIR [--root DIR]... REPOSITORY")
		os.Exit(2)
	}

	repository, err := filepath.Abs(flag.Arg(0))
	if err != nil {
		stop(err)
	}

	units := []*unit{}

	for _, root := range roots {
		found, err := follow(repository, root, *manifests)
		if err != nil {
			stop(err)
		}

		for _, u := range found {
			if *manifests {
				u.Objects = nil
			}
		}

		units = append(units, found...)
	}

	print(map[string]any{"units": units})
}

func stop(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}

func print(value any) {
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)

	if err := encoder.Encode(value); err != nil {
		stop(err)
	}

	if err := out.Flush(); err != nil {
		stop(err)
	}
}

func eachLine(answer func([]byte) any) {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)

	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := encoder.Encode(answered(answer, line)); err != nil {
				stop(err)
			}
			// Whoever asks may wait for this answer before the next question.
			if err := out.Flush(); err != nil {
				stop(err)
			}
		}

		if err == io.EOF {
			return
		} else if err != nil {
			stop(err)
		}
	}
}

func answered(answer func([]byte) any, line []byte) (result any) {
	// kustomize panics on some data.
	defer func() {
		if p := recover(); p != nil {
			result = failed(fmt.Errorf("panic: %v", p))
		}
	}()

	return answer(line)
}

func failed(err error) any { return map[string]any{"error": err.Error()} }

func envsubstLine(line []byte) any {
	var question struct {
		Text string            `json:"text"`
		Vars map[string]string `json:"vars"`
	}

	if err := json.Unmarshal(line, &question); err != nil {
		return failed(err)
	}

	out, undefined, err := substituted(question.Text, question.Vars)
	if err != nil {
		return failed(err)
	}

	return map[string]any{"out": out, "undefined": undefined}
}

func substituteLine(line []byte) any {
	var question struct {
		Object map[string]any    `json:"object"`
		Vars   map[string]string `json:"vars"`
		Always bool              `json:"always"`
	}

	// Whole numbers stay whole.
	if err := utiljson.Unmarshal(line, &question); err != nil {
		return failed(err)
	}

	built, err := provider.NewDefaultDepProvider().GetResourceFactory().FromMap(question.Object)
	if err != nil {
		return failed(err)
	}

	undefined, err := substitutedObject(built, unstructured.Unstructured{Object: map[string]any{}}, question.Vars, question.Always)
	if err != nil {
		return failed(err)
	}

	text, err := built.AsYAML()
	if err != nil {
		return failed(err)
	}

	objects, err := objectsOf(text)
	if err != nil || len(objects) != 1 {
		return failed(errors.Join(err, fmt.Errorf("%d objects are left", len(objects))))
	}

	return map[string]any{"object": objects[0], "undefined": undefined}
}

func yamlLine(line []byte) any {
	object := map[string]any{}
	if err := utiljson.Unmarshal(line, &object); err != nil {
		return failed(err)
	}

	resource, err := provider.NewDefaultDepProvider().GetResourceFactory().FromMap(object)
	if err != nil {
		return failed(err)
	}

	text, err := resource.AsYAML()
	if err != nil {
		return failed(err)
	}

	return map[string]any{"yaml": string(text)}
}

func kustomizeLine(line []byte) any {
	var question struct {
		Files map[string]string `json:"files"`
		Path  string            `json:"path"`
	}

	if err := json.Unmarshal(line, &question); err != nil {
		return failed(err)
	}

	files := filesys.MakeFsInMemory()
	for name, text := range question.Files {
		if err := files.WriteFile(path.Join("/", name), []byte(text)); err != nil {
			return failed(err)
		}
	}

	built, err := kustomize.Build(files, path.Join("/", question.Path))
	if err != nil {
		return failed(err)
	}

	return objectsAnswer(built)
}

func objectsAnswer(built resmap.ResMap) any {
	text, err := built.AsYaml()
	if err != nil {
		return failed(err)
	}

	objects, err := objectsOf(text)
	if err != nil {
		return failed(err)
	}

	return map[string]any{"objects": objects}
}

func readLine(line []byte) any {
	var question struct {
		Text string `json:"text"`
	}

	if err := json.Unmarshal(line, &question); err != nil {
		return failed(err)
	}

	objects, err := objectsOf([]byte(question.Text))
	if err != nil {
		return failed(err)
	}

	return map[string]any{"objects": objects}
}
