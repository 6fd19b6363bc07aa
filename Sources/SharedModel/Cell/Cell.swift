package import Foundation

/// The resolved work behind one or more positions of the grid: everything that decides the pixels, and nothing else.
///
/// Two positions with equal cells are rendered once. What only people need (the raw prompt, the style's name) lives in
/// ``GrantedCell`` and in the positions, so that it cannot change a key.
package struct Cell: Codable, Hashable, Sendable {
    /// SHA-256 of the model's files, 64 lower-case hexadecimal digits.
    package var fingerprint: String
    /// Classifier-free guidance scale, an exact decimal as the sweep file wrote it (`5.5`, never `5.499999`).
    package var guidance: Decimal
    /// Height of the image in pixels, a multiple of 8.
    package var height: Int
    /// The composed negative prompt: the style's part first, then the user's.
    package var negativePrompt: String
    /// The composed prompt: the style's template filled in.
    package var prompt: String
    package var sampler: SamplerName
    package var seed: UInt64
    /// Number of sampler steps, as a user counts them.
    package var steps: Int
    /// Width of the image in pixels, a multiple of 8.
    package var width: Int

    package init(
        fingerprint: String, guidance: Decimal, height: Int, negativePrompt: String, prompt: String,
        sampler: SamplerName, seed: UInt64, steps: Int, width: Int
    ) {
        self.fingerprint = fingerprint
        self.guidance = guidance
        self.height = height
        self.negativePrompt = negativePrompt
        self.prompt = prompt
        self.sampler = sampler
        self.seed = seed
        self.steps = steps
        self.width = width
    }
}
