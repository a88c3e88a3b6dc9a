package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"gopkg.in/yaml.v3"
)

// A schematic: the fields, and their order, that the Image Factory's API documents. The factory is no module that
// others can build, but its ID is the hash of what this YAML library writes.
type schematic struct {
	Overlay       overlay       `yaml:"overlay,omitempty"`
	Customization customization `yaml:"customization"`
}

type overlay struct {
	Image   string         `yaml:"image"`
	Name    string         `yaml:"name"`
	Options map[string]any `yaml:"options,omitempty"`
}

type customization struct {
	ExtraKernelArgs  []string    `yaml:"extraKernelArgs,omitempty"`
	Meta             []metaValue `yaml:"meta,omitempty"`
	SystemExtensions extensions  `yaml:"systemExtensions,omitempty"`
	Bootloader       string      `yaml:"bootloader,omitempty"`
}

type metaValue struct {
	Key   uint8  `yaml:"key"`
	Value string `yaml:"value"`
}

type extensions struct {
	OfficialExtensions []string `yaml:"officialExtensions,omitempty"`
}

// What a machine of the platform `metal` reads from META key 10 before it has a configuration, of the official types.
type platformNetwork struct {
	Addresses   []network.AddressSpecSpec    `yaml:"addresses"`
	Links       []network.LinkSpecSpec       `yaml:"links"`
	Routes      []network.RouteSpecSpec      `yaml:"routes"`
	Hostnames   []network.HostnameSpecSpec   `yaml:"hostnames"`
	Resolvers   []network.ResolverSpecSpec   `yaml:"resolvers"`
	TimeServers []network.TimeServerSpecSpec `yaml:"timeServers"`
	Operators   []network.OperatorSpecSpec   `yaml:"operators"`
}

const metaNetwork = 10

// schematicOf reads a schematic: its ID, its text as the factory writes it, and the network it brings.
func schematicOf(text string) (*schematicAnswer, error) {
	var read schematic

	if err := strictly(text, &read); err != nil {
		return nil, err
	}

	canonical, err := yaml.Marshal(read)
	if err != nil {
		return nil, err
	}

	hash := sha256.Sum256(canonical)
	answer := &schematicAnswer{ID: hex.EncodeToString(hash[:]), Text: string(canonical)}

	for _, meta := range read.Customization.Meta {
		if meta.Key != metaNetwork {
			continue
		}

		var spec platformNetwork

		if err = strictly(meta.Value, &spec); err != nil {
			return nil, err
		}

		written, err := yaml.Marshal(spec)
		if err != nil {
			return nil, err
		}

		if err = yaml.Unmarshal(written, &answer.Network); err != nil {
			return nil, err
		}
	}

	return answer, nil
}

// strictly reads one document and refuses fields that are not there.
func strictly(text string, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.KnownFields(true)

	if err := decoder.Decode(into); err != nil {
		return err
	}

	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}

	return nil
}
