package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// What stands in a normalized template for what changes with every build.
const (
	assetPlaceholder   = "<asset>"
	versionPlaceholder = "<version>"
)

var (
	// assetHash is the SHA-256 by which CDK names files and their keys in S3.
	assetHash = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	// versionHash ends the logical id of a function's version; it changes with the code.
	versionHash = regexp.MustCompile(`[0-9a-f]{32}$`)
)

// Normalize makes of a template what two syntheses of the same environment have in common, to
// be kept in a file and compared: JSON with sorted keys and an indent of one space, asset hashes and
// S3 keys replaced, and without what CDK adds for itself: its metadata, its conditions, and
// the check of the bootstrap version. A normalized template stays as it is.
func Normalize(raw []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // as they are written
	var t map[string]any
	if err := decoder.Decode(&t); err != nil {
		return nil, fmt.Errorf("normalize template: %w", err)
	}
	resources, _ := t["Resources"].(map[string]any)
	var renames []string
	for id, r := range resources {
		resource, _ := r.(map[string]any)
		switch resource["Type"] {
		case "AWS::CDK::Metadata":
			delete(resources, id)
			continue
		case "AWS::Lambda::Version":
			if versionHash.MatchString(id) {
				renames = append(renames, id, versionHash.ReplaceAllString(id, versionPlaceholder))
			}
		}
		if metadata, ok := resource["Metadata"].(map[string]any); ok {
			deletePrefix(metadata, "aws:cdk:", "aws:asset:", "cdk_nag")
			deleteEmpty(resource, "Metadata")
		}
	}
	for section, prefix := range map[string]string{"Conditions": "CDKMetadata", "Parameters": "BootstrapVersion", "Rules": "CheckBootstrapVersion"} {
		if names, ok := t[section].(map[string]any); ok {
			deletePrefix(names, prefix)
			deleteEmpty(t, section)
		}
	}
	replacer := strings.NewReplacer(renames...)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(replace(t, func(s string) string {
		return assetHash.ReplaceAllString(replacer.Replace(s), assetPlaceholder)
	}))
	return out.Bytes(), err
}

// replace changes every string in a value, keys as well: logical ids and the names of outputs
// are keys.
func replace(value any, change func(string) string) any {
	switch value := value.(type) {
	case string:
		return change(value)
	case []any:
		for i := range value {
			value[i] = replace(value[i], change)
		}
	case map[string]any:
		changed := make(map[string]any, len(value))
		for key, element := range value {
			if key == "S3Key" {
				element = keyPlaceholder(element)
			}
			changed[change(key)] = replace(element, change)
		}
		return changed
	}
	return value
}

// keyPlaceholder stands for an object's key and leaves its ending, which says what it is.
func keyPlaceholder(key any) any {
	text, ok := key.(string)
	if !ok {
		return key
	}
	if i := strings.LastIndexByte(text, '.'); i >= 0 {
		return assetPlaceholder + text[i:]
	}
	return assetPlaceholder
}

func deletePrefix(m map[string]any, prefixes ...string) {
	for key := range m {
		for _, prefix := range prefixes {
			if strings.HasPrefix(key, prefix) {
				delete(m, key)
			}
		}
	}
}

func deleteEmpty(m map[string]any, key string) {
	if inner, ok := m[key].(map[string]any); ok && len(inner) == 0 {
		delete(m, key)
	}
}
