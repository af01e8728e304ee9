package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxMetadata bounds a value of the metadata, in bytes. The longest is a group's name.
const maxMetadata = 4 << 10

// instanceMetadata is the real metadata service.
type instanceMetadata struct{ client *imds.Client }

// NewMetadata returns the instance metadata service, in its version 2 only. Its address can be
// set by AWS_EC2_METADATA_SERVICE_ENDPOINT.
func NewMetadata() Metadata {
	return &instanceMetadata{imds.New(imds.Options{EnableFallback: aws.FalseTernary})}
}

// Get implements Metadata.
func (m *instanceMetadata) Get(ctx context.Context, path string) (string, error) {
	out, err := m.client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.HTTPStatusCode() == http.StatusNotFound {
			return "", nil
		}
		return "", fmt.Errorf("ask the metadata for %s: %w", path, err)
	}
	defer out.Content.Close()
	text, err := io.ReadAll(io.LimitReader(out.Content, maxMetadata))
	if err != nil {
		return "", fmt.Errorf("read %s of the metadata: %w", path, err)
	}
	return string(text), nil
}

// NewAutoScaling returns EC2 Auto Scaling in the region of the environment or else of the
// instance. Its address can be set by AWS_ENDPOINT_URL_AUTO_SCALING.
func NewAutoScaling(ctx context.Context) (AutoScaling, error) {
	c, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSRegion())
	if err != nil {
		return nil, fmt.Errorf("configure the AWS SDK: %w", err)
	}
	return autoscaling.NewFromConfig(c), nil
}
