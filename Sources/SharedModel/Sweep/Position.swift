package import Foundation

/// A point of the grid: one value of every axis, as people wrote them, and the cell that shows there.
package struct Position: Codable, Equatable, Sendable {
    /// Place in grid order, from 0; guidance varies fastest, then style, then prompt.
    package var index: Int
    package var cell: CellKey
    /// The model's name as the sweep file has it.
    package var model: String
    /// The prompt before the style was applied.
    package var prompt: String
    /// The negative prompt before the style was applied.
    package var negativePrompt: String
    package var style: String
    package var guidance: Decimal
    package var seed: UInt64
    package var steps: Int
    package var sampler: SamplerName
    package var width: Int
    package var height: Int
    /// What the sweep file calls the LoRAs and the VAE of the cell, by fingerprint.
    package var files: [String: String]

    package init(
        index: Int, cell: CellKey, model: String, prompt: String, negativePrompt: String, style: String,
        guidance: Decimal, seed: UInt64, steps: Int, sampler: SamplerName, width: Int, height: Int,
        files: [String: String] = [:]
    ) {
        self.index = index
        self.cell = cell
        self.model = model
        self.prompt = prompt
        self.negativePrompt = negativePrompt
        self.style = style
        self.guidance = guidance
        self.seed = seed
        self.steps = steps
        self.sampler = sampler
        self.width = width
        self.height = height
        self.files = files
    }
}

extension Position {
    /// Whether the model's name, the prompts and the style are equal by their bytes.
    package func sharesTexts(with other: Position) -> Bool {
        model.hasSameBytes(as: other.model) && prompt.hasSameBytes(as: other.prompt)
            && negativePrompt.hasSameBytes(as: other.negativePrompt) && style.hasSameBytes(as: other.style)
    }
}
