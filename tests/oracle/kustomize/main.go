// Builds kustomizations with the official library, set up as Flux sets it up: files may lie anywhere, no plugins, no final sorting.
//
// Reads trees, one a line (its root, a tab, and the folder in it), and answers each with a line of JSON:
// {"objects": [...]} or {"fails": "why"}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

func main() {
	// Warnings about deprecated fields.
	log.SetOutput(io.Discard)
	openapi.Schema()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<16), 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		root, folder, _ := strings.Cut(lines.Text(), "\t")
		objects, err := build(filepath.Join(root, folder))
		var line []byte
		if err == nil {
			line, err = json.Marshal(map[string][]json.RawMessage{"objects": objects})
		}
		if err != nil {
			line, _ = json.Marshal(map[string]string{"fails": err.Error()})
		}
		fmt.Fprintf(out, "%s\n", line)
		out.Flush()
		// Reading the schemas again takes long, and only these fields add to them.
		if mentions(root, "openapi", "crds") {
			openapi.ResetOpenAPI()
			openapi.Schema()
		}
	}
}

// The library panics on some mistakes, which Flux reports as failures.
func build(folder string) (objects []json.RawMessage, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	options := &krusty.Options{
		LoadRestrictions: types.LoadRestrictionsNone,
		PluginConfig:     types.DisabledPluginConfig(),
	}
	built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	objects = []json.RawMessage{}
	for _, resource := range built.Resources() {
		text, err := resource.MarshalJSON()
		if err != nil {
			return nil, err
		}
		objects = append(objects, text)
	}
	return objects, nil
}

// Whether a file of a tree holds one of these words.
func mentions(root string, words ...string) bool {
	found := false
	_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		text, _ := os.ReadFile(path)
		for _, word := range words {
			found = found || bytes.Contains(text, []byte(word))
		}
		return nil
	})
	return found
}
