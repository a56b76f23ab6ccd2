package payment

// Unread is what is kept with an object that this version of the gateway does not know: a later version, which runs
// beside it while nodes are replaced, put it there. It is the object's JSON as it was read, empty where all of it was
// understood. Nobody looks into it; whoever changes the object carries it along, and the memory writes it again.
type Unread string
