package lfs

// MediaType is what the batch API speaks.
const MediaType = "application/vnd.git-lfs+json"

// Batch asks what is to be done about objects. Operation is "download" or "upload".
type Batch struct {
	Operation string        `json:"operation"`
	Transfers []string      `json:"transfers,omitempty"`
	Ref       *Ref          `json:"ref,omitempty"`
	HashAlgo  string        `json:"hash_algo,omitempty"`
	Objects   []BatchObject `json:"objects"`
}

// Ref is the reference that objects are uploaded for.
type Ref struct {
	Name string `json:"name"`
}

// Answer is the answer to a Batch.
type Answer struct {
	Transfer string        `json:"transfer"`
	HashAlgo string        `json:"hash_algo"`
	Objects  []BatchObject `json:"objects"`
	Message  string        `json:"message,omitempty"` // of a refusal
}

// BatchObject is an object that is asked about, or what is to be done about it: nothing without Actions.
type BatchObject struct {
	OID           string             `json:"oid"`
	Size          int64              `json:"size"` // bytes
	Authenticated bool               `json:"authenticated,omitempty"`
	Actions       map[string]*Action `json:"actions,omitempty"` // "download", "upload", "verify"
	Error         *ObjectError       `json:"error,omitempty"`
}

// Action is where something is to be done, and with which headers.
type Action struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header,omitempty"`
}

// ObjectError says why nothing can be done about an object. Code is a status of HTTP.
type ObjectError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}
