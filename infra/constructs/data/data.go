// Package data makes what the application keeps its state in: the database, the cache, the
// message broker and the buckets of files, or points at what exists. The database and
// the cache leave a last snapshot, and buckets stay; what waits in the broker goes with it.
package data

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"strconv"
	"strings"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	logs "github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	secrets "github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/spec"
)

// Props says where the data goes. What is in it, the environment says.
type Props struct {
	Environment *spec.Environment
	// PrivateSubnets are the ids of the subnets, each in a zone of its own.
	PrivateSubnets []string
	// DatabaseGroup, CacheGroup and BrokerGroup are ids of security groups; empty for what is
	// not created. Members of the database's reach each other, as the connection pool and the
	// function that rotates the password are in it.
	DatabaseGroup, CacheGroup, BrokerGroup string
}

// Data is what the application keeps its state in. Database, Cache and Broker are nil where
// the environment has none.
type Data struct {
	Database *Database
	Cache    *Cache
	Broker   *Broker
	// Files are the buckets, in the order of the environment's edge.static.
	Files []Files
}

// New makes the parts that the environment creates, and takes those that exist.
func New(scope constructs.Construct, id string, props Props) *Data {
	this := constructs.NewConstruct(scope, &id)
	return &Data{
		Database: newDatabase(this, props),
		Cache:    newCache(this, props),
		Broker:   newBroker(this, props),
		Files:    newFiles(this, props),
	}
}

// Endpoint is where a part is reached, and as whom.
type Endpoint struct {
	Host string
	Port int
	// SecretARN is the Secrets Manager secret with `username` and `password`; empty if the
	// file names none of what exists.
	SecretARN string
}

// existing is the endpoint of what is there already.
func existing(x spec.Existing) Endpoint {
	// The file has been checked to say host:port.
	host, text, _ := net.SplitHostPort(x.Endpoint)
	port, _ := strconv.Atoi(text)
	return Endpoint{Host: host, Port: port, SecretARN: x.SecretARN}
}

// Access is what instances need to use the data.
type Access struct {
	// Environment are variables for the application, which say where things are; passwords
	// are not among them.
	Environment map[string]string
	// Secrets are the ARNs of the secrets that instances read.
	Secrets []string
	// Buckets are the ARNs of the buckets whose objects instances write.
	Buckets []string
}

// Access collects what instances need. Variables of what is absent are absent.
func (d *Data) Access() Access {
	a := Access{Environment: map[string]string{}}
	if d.Database != nil {
		a.endpoint("DATABASE", d.Database.Endpoint)
		a.set("DATABASE_NAME", d.Database.Name)
		var hosts []string
		for _, r := range d.Database.Replicas {
			hosts = append(hosts, r.Host)
			a.set("DATABASE_REPLICA_PORT", strconv.Itoa(r.Port))
		}
		a.set("DATABASE_REPLICA_HOSTS", strings.Join(hosts, ","))
	}
	if d.Cache != nil {
		a.endpoint("CACHE", d.Cache.Endpoint)
		a.set("CACHE_READER_HOST", d.Cache.ReaderHost)
	}
	if d.Broker != nil {
		a.endpoint("BROKER", d.Broker.Endpoint)
	}
	for _, f := range d.Files {
		a.set(f.variable, f.BucketName)
		a.Buckets = append(a.Buckets, f.BucketARN)
	}
	return a
}

func (a *Access) endpoint(prefix string, e Endpoint) {
	a.set(prefix+"_HOST", e.Host)
	a.set(prefix+"_PORT", strconv.Itoa(e.Port))
	a.set(prefix+"_SECRET_ARN", e.SecretARN)
	if e.SecretARN != "" {
		a.Secrets = append(a.Secrets, e.SecretARN)
	}
}

func (a *Access) set(name, value string) {
	if value != "" {
		a.Environment[name] = value
	}
}

// shortHash is how many hex digits tell apart names that would be the same.
const shortHash = 6

// resourceName is env.ResourceName(what) as all the services here take names: lower case,
// single hyphens between letters and digits, at most limit of them. One that is longer ends
// in a hash of the whole instead, so that two never meet.
func resourceName(env *spec.Environment, what string, limit int) string {
	whole := env.ResourceName(what)
	name := slug(whole)
	if len(name) <= limit {
		return name
	}
	return strings.TrimRight(name[:limit-shortHash-1], "-") + "-" + hash(whole)
}

// slug keeps letters and digits, in lower case, and one hyphen for whatever is between.
func slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:shortHash]
}

// logsFirst is why a log group is made before what writes to it.
const logsFirst = "the service would make the log group itself and keep logs for ever"

// logGroup makes a log group that a service writes to by that name.
func logGroup(this constructs.Construct, id, name string, env *spec.Environment) logs.CfnLogGroup {
	group := logs.NewCfnLogGroup(this, &id, &logs.CfnLogGroupProps{
		LogGroupName:    &name,
		RetentionInDays: jsii.Number(env.AWS.LogRetentionDays),
	})
	group.ApplyRemovalPolicy(cdk.RemovalPolicy_DESTROY, nil)
	return group
}

// userName is the user of the database and of the broker. It is nobody's reserved word.
const userName = "application"

// passwordLength is what all three services take, with room: the cache's limit is 128.
const passwordLength = 64

// newSecret generates a password of letters and digits, the only ones that all services and
// URLs take as they are.
func newSecret(this constructs.Construct, id, description, user string) secrets.Secret {
	return secrets.NewSecret(this, &id, &secrets.SecretProps{
		Description: &description,
		GenerateSecretString: &secrets.SecretStringGenerator{
			SecretStringTemplate: new(`{"username":"` + user + `"}`),
			GenerateStringKey:    new("password"),
			PasswordLength:       jsii.Number(passwordLength),
			ExcludePunctuation:   new(true),
		},
	})
}

// password is a dynamic reference, which CloudFormation resolves when it makes the resource:
// the password itself is in no template.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
func password(secret secrets.Secret) *string {
	return secret.SecretValueFromJson(new("password")).UnsafeUnwrap()
}
