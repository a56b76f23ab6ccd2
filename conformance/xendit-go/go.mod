// Xendit's own Go SDK against a sandbox. A module of its own, so that the gateway depends on none of this.
module reprise/conformance/xendit-go

go 1.26.0

require github.com/xendit/xendit-go/v7 v7.0.0
