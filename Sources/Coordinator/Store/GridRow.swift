package import Foundation
package import SharedModel

/// A position of the grid with everything known about it: one line of `export --format jsonl`.
///
/// The coding keys are a contract with scripts; what is not known yet is written as null.
package struct GridRow: Equatable, Sendable {
    /// Seconds of one image, with the coordinator's share.
    package struct Timing: Codable, Equatable, Sendable {
        package var encode: Double
        package var denoise: Double
        package var decode: Double
        package var png: Double
        /// From the offer to the commit.
        package var upload: Double
        package var total: Double
    }

    package var position: Int
    package var model: String
    /// As the sweep file has it, before the style was applied.
    package var prompt: String
    package var negativePrompt: String
    package var style: String
    package var guidance: Decimal
    package var seed: UInt64
    package var steps: Int
    package var sampler: SamplerName
    package var width: Int
    package var height: Int
    /// What is set beyond the keys above, files named as the sweep file names them.
    package var options = RenderOptions()
    package var cell: CellKey
    /// `pending`, `leased`, `done` or `failed`.
    package var state: String
    /// Why the cell failed.
    package var reason: String?
    /// Path of the image inside the directory.
    package var image: String?
    package var sha256: String?
    /// Name of the worker that rendered it.
    package var worker: String?
    /// Attempts that ended with or in this cell.
    package var attempts: Int
    /// `keep`, `reject`, or `disputed` where auditors differ.
    package var verdict: String?
    /// What auditors found wrong, each reason once.
    package var tags: [FlawTag] = []
    /// What auditors wrote.
    package var note: String?
    package var measures: ImageMeasures?
    /// What tesseract could read of it; `nil` unless somebody asked for that.
    package var reading: BoardReading?
    package var timings: Timing?
}

extension GridRow: Encodable {
    private enum CodingKeys: String, CodingKey {
        case position, prompt, style, guidance, seed, steps, sampler, width, height, cell, state, image, sha256, worker
        case attempts, verdict, tags, note, measures, reading, timings, options
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(position, forKey: .position)
        try container.encode(prompt, forKey: .prompt)
        try container.encode(style, forKey: .style)
        try container.encode(guidance, forKey: .guidance)
        try container.encode(seed, forKey: .seed)
        try container.encode(steps, forKey: .steps)
        try container.encode(sampler, forKey: .sampler)
        try container.encode(width, forKey: .width)
        try container.encode(height, forKey: .height)
        if !options.isDefault { try container.encode(options, forKey: .options) }
        try container.encode(cell, forKey: .cell)
        try container.encode(state, forKey: .state)
        try container.encode(image, forKey: .image)
        try container.encode(sha256, forKey: .sha256)
        try container.encode(worker, forKey: .worker)
        try container.encode(attempts, forKey: .attempts)
        try container.encode(verdict, forKey: .verdict)
        try container.encode(tags, forKey: .tags)
        try container.encode(note, forKey: .note)
        try container.encode(measures, forKey: .measures)
        try container.encode(reading, forKey: .reading)
        try container.encode(timings, forKey: .timings)
    }
}
