/// A prompt as a text encoder reads it.
package struct TokenizedPrompt: Equatable, Sendable {
    /// The token ids, from the start token to the padding: as many as the text encoder has positions.
    package let ids: [Int32]
    /// How many tokens did not fit.
    package let cutCount: Int
    /// The text that did not fit, normalised as the tokenizer reads it; empty when all did.
    package let cutText: String
}
