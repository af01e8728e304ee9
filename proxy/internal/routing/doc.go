// Package routing decides what happens to a request: which listener rule takes it and what
// that rule's action is. It is pure: a compiled [Table] never changes, and nothing here
// knows sockets, clocks or loggers.
//
// One request is matched in this order:
//
//  1. [Canonicalize] brings host, path and query into the one form that rules match and
//     targets receive, so that no spelling of a URL is judged as one thing and served as
//     another. What has no such form is refused with an [Error].
//  2. [Table.Match] tries the rules by ascending priority. A rule takes the request when
//     all of its conditions hold; a condition holds when any of its values does. The first
//     rule that takes it wins, and the default rule takes what is left.
//  3. The rule's [Action] is carried out by the caller: [Redirect.AppendLocation] and
//     [FixedResponse] make answers, [Forward.Choose] picks a target group by weight.
//  4. Before forwarding, [Rule.Transform] rewrites host and URL. The rule stays chosen.
//  5. [AppendForwardedHost] writes the Host field that the target receives.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
package routing
