package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	"github.com/fluxcd/pkg/kustomize"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sources is the part of a cluster that substitution reads: the ConfigMaps and Secrets which units of the cluster
// produce, by `Kind/namespace/name`.
//
// A value that is not in the repository as it is, because SOPS or a SealedSecret encrypts it or an ExternalSecret fetches it,
// is `..PLACEHOLDER_<key>..`. What no unit produces is not there, which the library reports as NotFound.
type sources struct {
	client.Client
	values map[string]map[string]string
}

func newSources() *sources { return &sources{values: map[string]map[string]string{}} }

// Get serves the library's LoadVariables.
func (s *sources) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	switch into := into.(type) {
	case *corev1.ConfigMap:
		values, ok := s.values["ConfigMap/"+key.String()]
		if !ok {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
		}

		into.Data = values
	case *corev1.Secret:
		values, ok := s.values["Secret/"+key.String()]
		if !ok {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
		}

		into.Data = map[string][]byte{}
		for name, value := range values {
			into.Data[name] = []byte(value)
		}
	default:
		return fmt.Errorf("nobody should ask for %T", into)
	}

	return nil
}

// learn keeps what an object brings for later substitutions.
func (s *sources) learn(object *unstructured.Unstructured) {
	kind, name := "Secret", object.GetName()
	values := map[string]string{}

	switch (schema.GroupKind{Group: object.GroupVersionKind().Group, Kind: object.GetKind()}) {
	case schema.GroupKind{Kind: "ConfigMap"}:
		kind = "ConfigMap"
		addAll(values, object, plain, "data")
	case schema.GroupKind{Kind: "Secret"}:
		addAll(values, object, decoded, "data")
		addAll(values, object, encryptedOrPlain, "stringData")
	case schema.GroupKind{Group: "bitnami.com", Kind: "SealedSecret"}:
		addAll(values, object, plain, "spec", "template", "data")
		addAll(values, object, placeholder, "spec", "encryptedData")
	case schema.GroupKind{Group: "external-secrets.io", Kind: "ExternalSecret"}:
		if target, _, _ := unstructured.NestedString(object.Object, "spec", "target", "name"); target != "" {
			name = target
		}

		addFetched(values, object)
	default:
		return
	}

	s.values[kind+"/"+object.GetNamespace()+"/"+name] = values
}

// addFetched adds the keys that an ExternalSecret names. A template replaces them by its own, unless it merges.
func addFetched(values map[string]string, object *unstructured.Unstructured) {
	_, templated, _ := unstructured.NestedMap(object.Object, "spec", "target", "template", "data")
	policy, _, _ := unstructured.NestedString(object.Object, "spec", "target", "template", "mergePolicy")

	if !templated || policy == "Merge" {
		entries, _, _ := unstructured.NestedSlice(object.Object, "spec", "data")
		for _, entry := range entries {
			if entry, ok := entry.(map[string]any); ok {
				if key, ok := entry["secretKey"].(string); ok {
					values[key] = placeholder(key, "")
				}
			}
		}
	}

	addAll(values, object, placeholder, "spec", "target", "template", "data")
}

func addAll(values map[string]string, object *unstructured.Unstructured, value func(key, text string) string, at ...string) {
	found, _, _ := unstructured.NestedMap(object.Object, at...)
	for key, text := range found {
		if text, ok := text.(string); ok {
			values[key] = value(key, text)
		}
	}
}

func plain(_, text string) string { return text }

func placeholder(key, _ string) string { return "..PLACEHOLDER_" + key + ".." }

func encryptedOrPlain(key, text string) string {
	if strings.HasPrefix(text, "ENC[") {
		return placeholder(key, text)
	}

	return text
}

func decoded(key, text string) string {
	bytes, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || strings.HasPrefix(text, "ENC[") {
		return encryptedOrPlain(key, text)
	}

	return string(bytes)
}

// missing names the sources of a Kustomization that no unit produces, and makes the library skip them, as a dry run
// skips them all.
func (s *sources) missing(kustomization *unstructured.Unstructured) []string {
	references, _, _ := unstructured.NestedSlice(kustomization.Object, "spec", "postBuild", "substituteFrom")

	var names []string

	for _, reference := range references {
		reference, ok := reference.(map[string]any)
		if !ok {
			continue
		}

		name := fmt.Sprintf("%v/%s/%v", reference["kind"], kustomization.GetNamespace(), reference["name"])
		if _, ok := s.values[name]; !ok {
			names = append(names, name)
		}

		reference["optional"] = true
	}

	if len(references) > 0 {
		_ = unstructured.SetNestedSlice(kustomization.Object, references, "spec", "postBuild", "substituteFrom")
	}

	return names
}

// variables are what a Kustomization substitutes.
func (s *sources) variables(kustomization unstructured.Unstructured) (map[string]string, error) {
	return kustomize.LoadVariables(context.Background(), s, kustomization)
}

var unset = regexp.MustCompile(`variable not set \(strict mode\): "(.*)"`)

// undefinedIn names what an evaluation asks for and nobody gives, by making the strict evaluation hold name by name.
func undefinedIn(evaluate func(defined map[string]string) error) ([]string, error) {
	defined := map[string]string{}

	for {
		err := evaluate(defined)
		if err == nil {
			break
		}

		match := unset.FindStringSubmatch(err.Error())
		if match == nil {
			return nil, err
		}

		if _, again := defined[match[1]]; again {
			return nil, err
		}

		defined[match[1]] = ""
	}

	names := make([]string, 0, len(defined))
	for name := range defined {
		names = append(names, name)
	}

	sort.Strings(names)

	return names, nil
}

// substituted is the text as the controller substitutes it, where an undefined variable is empty, and their names.
func substituted(text string, vars map[string]string) (string, []string, error) {
	var out string

	undefined, err := undefinedIn(func(defined map[string]string) (err error) {
		out, err = envsubst.Eval(text, func(name string) (string, bool) {
			if value, ok := vars[name]; ok {
				return value, true
			}

			value, ok := defined[name]

			return value, ok
		})

		return err
	})

	return out, undefined, err
}
