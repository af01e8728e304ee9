package elbv2api

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
)

// namespace is that of all answers.
const namespace = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"

// members is a list, of which each element is called member. An empty one is an empty
// element, not none: clients tell the two apart.
type members[T any] []T

// MarshalXML implements xml.Marshaler.
func (m members[T]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for i := range m {
		if err := e.EncodeElement(m[i], xml.StartElement{Name: xml.Name{Local: "member"}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

// answerXML is the answer to an action; result is nil where there is nothing to say.
func answerXML(action, requestID string, result any) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%sResponse xmlns=%q>\n", action, namespace)
	if result == nil {
		result = struct{}{}
	}
	e := xml.NewEncoder(&b)
	if err := e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	fmt.Fprintf(&b, "\n<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>\n</%sResponse>\n", requestID, action)
	return b.Bytes(), nil
}

// errorXML is the answer to a request that is refused.
func errorXML(requestID string, refusal *Error) []byte {
	kind := "Sender"
	if refusal.status() >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	var code, message bytes.Buffer
	_ = xml.EscapeText(&code, []byte(refusal.Code)) // a buffer takes everything
	_ = xml.EscapeText(&message, []byte(refusal.Message))
	return fmt.Appendf(nil, "<ErrorResponse xmlns=%q>\n<Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error>\n<RequestId>%s</RequestId>\n</ErrorResponse>\n",
		namespace, kind, code.Bytes(), message.Bytes(), requestID)
}
