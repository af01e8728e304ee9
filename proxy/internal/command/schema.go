package command

import "github.com/evenkeel/evenkeel/spec"

type schemaCommand struct{}

// Run prints the JSON Schema of environment files.
func (schemaCommand) Run(s *streams) error {
	schema, err := spec.Schema()
	if err != nil {
		return err
	}
	_, err = s.out.Write(schema)
	return err
}
