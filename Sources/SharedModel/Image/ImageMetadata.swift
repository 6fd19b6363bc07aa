package import Foundation

/// What an image says of itself: how it was made, as a text for people and other programs and as JSON for this one.
///
/// Timings are no part of it: rendered again, a cell gives the same file.
package struct ImageMetadata: Codable, Equatable, Sendable {
    /// The point of the grid as its author wrote it, before the style was applied.
    package struct Axes: Codable, Equatable, Sendable {
        package var guidance: Decimal
        package var model: String
        package var negativePrompt: String
        package var prompt: String
        package var sampler: SamplerName
        package var seed: UInt64
        package var size: String
        package var steps: Int
        package var style: String
    }

    /// Version of this JSON, ``currentSchema``.
    package let schema: Int
    package var axes: Axes
    /// The resolved work, fingerprint of the model included.
    package var cell: Cell
    /// What rendered: `cpu (AVX-512, 2 threads)`.
    package var device: String
    /// What the sweep calls the LoRAs and the VAE of the cell, by fingerprint; `nil` for none.
    package var files: [String: String]?
    package var key: CellKey
    /// The first position that shows the cell.
    package var position: Int
    /// What the networks were computed in: `fp32`, `bf16`.
    package var precision: String
    /// Name and version of the program.
    package var program: String
    /// The sweep's name; empty for an image of no sweep.
    package var sweep: String

    /// Keyword of the PNG text chunk with the JSON, see ``json()``.
    package static let keyword = "tmdne"
    /// The version that is written and the only one that is read.
    package static let currentSchema = 1

    /// - Parameters:
    ///   - granted: The cell and the texts that it was made from.
    ///   - model: The model's name as the sweep file has it.
    ///   - sweep: The sweep's name; empty for an image of no sweep.
    ///   - device: What rendered, for people.
    ///   - precision: What the networks were computed in.
    package init(_ granted: GrantedCell, model: String, sweep: String, device: String, precision: String) {
        let cell = granted.cell
        schema = Self.currentSchema
        axes = Axes(
            guidance: cell.guidance, model: model, negativePrompt: granted.rawNegativePrompt, prompt: granted.rawPrompt,
            sampler: cell.sampler, seed: cell.seed, size: "\(cell.width)x\(cell.height)", steps: cell.steps,
            style: granted.style)
        self.cell = cell
        self.device = device
        files = granted.files.isEmpty ? nil : granted.files
        key = granted.key
        position = granted.position
        self.precision = precision
        program = Program.signature
        self.sweep = sweep
    }
}

extension ImageMetadata {
    /// The metadata as JSON: keys in alphabetical order, no white space.
    ///
    /// - Throws: What the encoder throws for a guidance that is no number.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Reads what ``json()`` wrote.
    ///
    /// - Throws: ``SharedModelError/metadata(problem:)`` for other versions, for what is not this JSON, and when the key
    ///   is not the cell's.
    package init(json: String) throws(SharedModelError) {
        struct Version: Decodable { var schema: Int }
        let data = Data(json.utf8)
        do {
            let version = try JSONDecoder().decode(Version.self, from: data)
            guard version.schema == Self.currentSchema else {
                throw SharedModelError.metadata(
                    problem: "its schema is \(version.schema), and \(Program.signature) reads \(Self.currentSchema)")
            }
            self = try JSONDecoder().decode(Self.self, from: data)
        } catch let error as SharedModelError {
            throw error
        } catch {
            throw .metadata(problem: "it is not the JSON that tmdne writes")
        }
        guard cell.key == key else {
            throw .metadata(problem: "its cell has the key \(cell.key), and it says \(key)")
        }
    }
}
