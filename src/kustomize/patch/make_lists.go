// Writes lists.table: which lists of which kinds kustomize merges by key, from the OpenAPI that kustomize itself carries.
//
// Run where the module of kyaml is known, as kustomize 5.8 uses it:
//
//	mkdir /tmp/lists && cp make_lists.go /tmp/lists/main.go && cd /tmp/lists && go mod init lists
//	go get sigs.k8s.io/kustomize/kyaml@v0.21.1 && go mod tidy && go run . > lists.table
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

type table struct {
	definitions spec.Definitions
	numbers     map[string]int
	lines       []string
}

// The type behind a schema: a number of a line, or "-" for one below which nothing has a schema.
func (t *table) kind(schema spec.Schema, name string) string {
	for schema.Ref.String() != "" {
		parts := strings.Split(schema.Ref.String(), "/")
		name = parts[len(parts)-1]
		schema = t.definitions[name]
	}
	if len(schema.Properties) == 0 && (schema.AdditionalProperties == nil || schema.AdditionalProperties.Schema == nil) {
		return "-"
	}
	number, known := t.numbers[name]
	if !known {
		number = len(t.lines)
		t.numbers[name] = number
		t.lines = append(t.lines, "")
		t.lines[number] = strings.Join(t.fields(schema, name), " ")
	}
	return fmt.Sprint(number)
}

func (t *table) fields(schema spec.Schema, name string) []string {
	var fields []string
	var names []string
	for field := range schema.Properties {
		names = append(names, field)
	}
	sort.Strings(names)
	for _, field := range names {
		fields = append(fields, t.field(field, schema.Properties[field], name+"."+field)...)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		fields = append(fields, t.field("*", *schema.AdditionalProperties.Schema, name+".*")...)
	}
	return fields
}

func (t *table) field(field string, schema spec.Schema, name string) []string {
	wrapped := openapi.ResourceSchema{Schema: &schema}
	strategy, keys := wrapped.PatchStrategyAndKeyList()
	merges := false
	for _, part := range strings.Split(strategy, ",") {
		merges = merges || part == "merge"
	}
	if schema.Ref.String() == "" && len(schema.Type) == 1 {
		switch schema.Type[0] {
		case "string", "integer", "number", "boolean":
			return nil
		case "array":
			if !merges {
				return []string{field + ":-"}
			}
			element := "-"
			if schema.Items != nil && schema.Items.Schema != nil {
				element = t.kind(*schema.Items.Schema, name+".[]")
			}
			return []string{field + "[" + strings.Join(keys, ",") + "]" + element}
		}
	}
	return []string{field + ":" + t.kind(schema, name)}
}

func main() {
	// Asking for any kind makes it read its data.
	openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: "v1", Kind: "Pod"})
	t := &table{definitions: openapi.Schema().Definitions, numbers: map[string]int{}}
	var names []string
	for name := range t.definitions {
		names = append(names, name)
	}
	sort.Strings(names)
	kinds := map[string]string{}
	for _, name := range names {
		groupVersionKinds, _ := t.definitions[name].Extensions["x-kubernetes-group-version-kind"].([]interface{})
		for _, one := range groupVersionKinds {
			parts := one.(map[string]interface{})
			apiVersion := parts["version"].(string)
			if group, _ := parts["group"].(string); group != "" {
				apiVersion = group + "/" + apiVersion
			}
			// Requests that every group knows, no objects.
			if parts["kind"] == "DeleteOptions" || parts["kind"] == "WatchEvent" {
				continue
			}
			if kind := t.kind(t.definitions[name], name); kind != "-" {
				kinds[apiVersion+" "+parts["kind"].(string)] = kind
			}
		}
	}
	var known []string
	for kind, number := range kinds {
		known = append(known, kind+" "+number)
	}
	sort.Strings(known)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, line := range known {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintln(out)
	for _, line := range t.lines {
		fmt.Fprintln(out, line)
	}
}
