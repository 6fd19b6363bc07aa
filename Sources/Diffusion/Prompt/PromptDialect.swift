/// How the signs in a prompt are read.
package enum PromptDialect: String, CaseIterable, Sendable {
    /// As they stand; what is longer than the text encoder's window is cut.
    case plain
    /// `(x)`, `[x]`, `(x:1.2)`, `\(`, `BREAK`, `[from:to:when]`, `[a|b]`, in chunks of 75 tokens.
    case a1111
    /// `(x)`, `(x:1.2)`, `\(`, in chunks of 75 tokens.
    case comfyui
}

/// What a word's weight does to its encoding.
package enum EmphasisRule: String, CaseIterable, Sendable {
    /// Multiplies it, and then brings the mean of the text's numbers back to what it was: A1111's "Original".
    case restoredMean = "restored-mean"
    /// Multiplies it: A1111's "No norm".
    case multiplied
    /// Moves it away from the empty prompt's: ComfyUI's way.
    case fromEmpty = "from-empty"
    /// Nothing.
    case ignored
}
