package asgsim

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

// Handler serves the world's APIs to AWS's SDKs and CLI: those of Auto Scaling and Elastic
// Load Balancing by the query protocol, that of SQS as JSON. A world that is served has the
// real clock. Point a client at it with AWS_ENDPOINT_URL, any credentials and any region.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func (w *World) Handler() http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if target := r.Header.Get("X-Amz-Target"); target != "" {
			w.serveJSON(out, r, target)
			return
		}
		w.serveQuery(out, r)
	})
}

// queries are the calls of the query protocol, by action.
func (w *World) queries() map[string]func(context.Context, url.Values) (any, error) {
	return map[string]func(context.Context, url.Values) (any, error){
		"DescribeAutoScalingInstances":   query(w.DescribeAutoScalingInstances),
		"DescribeAutoScalingGroups":      query(w.DescribeAutoScalingGroups),
		"DescribeLifecycleHooks":         query(w.DescribeLifecycleHooks),
		"CompleteLifecycleAction":        query(w.CompleteLifecycleAction),
		"RecordLifecycleActionHeartbeat": query(w.RecordLifecycleActionHeartbeat),
		"DescribeTargetHealth":           query(w.DescribeTargetHealth),
		"DeregisterTargets":              query(w.DeregisterTargets),
		"DescribeTargetGroups":           query(w.DescribeTargetGroups),
		"DescribeTags":                   query(w.DescribeTags),
	}
}

// query makes a call of one that takes form values.
func query[Input, Output, Options any](call func(context.Context, *Input, ...func(*Options)) (*Output, error)) func(context.Context, url.Values) (any, error) {
	return func(ctx context.Context, form url.Values) (any, error) {
		in := new(Input)
		if err := fill(reflect.ValueOf(in).Elem(), form, ""); err != nil {
			return nil, refusal("ValidationError", err.Error())
		}
		return call(ctx, in)
	}
}

func (w *World) serveQuery(out http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	action := r.Form.Get("Action")
	call, ok := w.queries()[action]
	var result any
	err := refusal("InvalidAction", "Could not find operation "+action)
	if ok {
		result, err = call(r.Context(), r.Form)
	}
	var answer strings.Builder
	status := http.StatusOK
	if err != nil {
		var code, message string
		if status, code, message = answerTo(err); status == 0 {
			panic(http.ErrAbortHandler) // the answer is lost
		}
		fmt.Fprintf(&answer, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>simulated</RequestId></ErrorResponse>", escape(code), escape(message))
	} else {
		fmt.Fprintf(&answer, "<%sResponse><%sResult>", action, action)
		write(&answer, reflect.ValueOf(result).Elem())
		fmt.Fprintf(&answer, "</%sResult><ResponseMetadata><RequestId>simulated</RequestId></ResponseMetadata></%sResponse>", action, action)
	}
	out.Header().Set("Content-Type", "text/xml")
	out.WriteHeader(status)
	_, _ = out.Write([]byte(answer.String()))
}

func (w *World) serveJSON(out http.ResponseWriter, r *http.Request, target string) {
	var result any
	err := refusal("UnsupportedOperation", target)
	if target == "AmazonSQS.SendMessageBatch" {
		in := &sqs.SendMessageBatchInput{}
		if err = json.NewDecoder(r.Body).Decode(in); err == nil {
			var sent *sqs.SendMessageBatchOutput
			if sent, err = w.SendMessageBatch(r.Context(), in); err == nil {
				result = map[string]any{"Successful": sent.Successful, "Failed": sent.Failed}
			}
		}
	}
	status := http.StatusOK
	if err != nil {
		var code, message string
		if status, code, message = answerTo(err); status == 0 {
			panic(http.ErrAbortHandler)
		}
		result = map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": message}
	}
	out.Header().Set("Content-Type", "application/x-amz-json-1.0")
	out.WriteHeader(status)
	_ = json.NewEncoder(out).Encode(result)
}

// answerTo is how an error is answered; a status of 0 is for an answer that is lost.
func answerTo(err error) (status int, code, message string) {
	if _, ok := errors.AsType[lost](err); ok {
		return 0, "", ""
	}
	answer, ok := errors.AsType[smithy.APIError](err)
	switch {
	case !ok:
		return http.StatusBadRequest, "ValidationError", err.Error()
	case answer.ErrorCode() == "ServiceUnavailable":
		return http.StatusServiceUnavailable, answer.ErrorCode(), answer.ErrorMessage()
	}
	return http.StatusBadRequest, answer.ErrorCode(), answer.ErrorMessage()
}

// fill reads form values into a call's input: Name, Name.member.1, Name.member.1.Field.
func fill(v reflect.Value, form url.Values, prefix string) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		name, to := prefix+field.Name, v.Field(i)
		if to.Kind() != reflect.Slice {
			if form.Has(name) {
				if err := set(to, form.Get(name)); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			continue
		}
		for n := 1; ; n++ {
			at := fmt.Sprintf("%s.member.%d", name, n)
			element := reflect.New(to.Type().Elem()).Elem()
			if element.Kind() == reflect.Struct {
				if !begins(form, at+".") {
					break
				}
				if err := fill(element, form, at+"."); err != nil {
					return err
				}
			} else {
				if !form.Has(at) {
					break
				}
				if err := set(element, form.Get(at)); err != nil {
					return fmt.Errorf("%s: %w", at, err)
				}
			}
			to.Set(reflect.Append(to, element))
		}
	}
	return nil
}

func begins(form url.Values, prefix string) bool {
	for name := range form {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func set(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int32:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return err
		}
		v.SetInt(n)
	case reflect.Bool:
		v.SetBool(text == "true")
	default:
		return fmt.Errorf("a %s is not read", v.Type())
	}
	return nil
}

// write writes a call's output as XML.
func write(out *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		write(out, v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			out.WriteString("<member>")
			write(out, v.Index(i))
			out.WriteString("</member>")
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() || field.Name == "ResultMetadata" || v.Field(i).IsZero() {
				continue
			}
			out.WriteString("<" + field.Name + ">")
			write(out, v.Field(i))
			out.WriteString("</" + field.Name + ">")
		}
	default:
		out.WriteString(escape(fmt.Sprint(v.Interface())))
	}
}

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a Builder takes all
	return out.String()
}

// Credentials are what a program needs in its environment to call what is served at a URL.
func Credentials(endpoint string) []string {
	return []string{"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=simulated", "AWS_SECRET_ACCESS_KEY=simulated", "AWS_EC2_METADATA_DISABLED=true"}
}
