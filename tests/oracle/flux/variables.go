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
// A value that lies in the repository only encrypted, by SOPS or as a SealedSecret, is `..PLACEHOLDER_<key>..`. What no
// unit produces is not there, which the library reports as NotFound.
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
	kind := object.GetKind()
	if group := object.GroupVersionKind().Group; group != "" && kind != "SealedSecret" {
		return
	}

	values := map[string]string{}

	switch kind {
	case "ConfigMap":
		addAll(values, object, plain, "data")
	case "Secret":
		addAll(values, object, decoded, "data")
		addAll(values, object, encryptedOrPlain, "stringData")
	case "SealedSecret":
		kind = "Secret"
		addAll(values, object, plain, "spec", "template", "data")
		addAll(values, object, placeholder, "spec", "encryptedData")
	default:
		return
	}

	s.values[kind+"/"+object.GetNamespace()+"/"+object.GetName()] = values
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
