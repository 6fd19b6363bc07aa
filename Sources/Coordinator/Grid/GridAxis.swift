import SharedModel

/// A parameter in which positions of a grid can differ.
package enum GridAxis: String, CaseIterable, Codable, Sendable {
    case model
    case prompt
    case negativePrompt = "negative-prompt"
    case style
    case guidance
    case seed
    case steps
    case sampler
    case size
    /// Everything beyond the other axes, in words.
    case options

    /// The position's value, as people write it.
    package func value(of row: GridRow) -> String {
        switch self {
        case .model: row.model
        case .prompt: row.prompt
        case .negativePrompt: row.negativePrompt
        case .style: row.style
        case .guidance: "\(row.guidance)"
        case .seed: "\(row.seed)"
        case .steps: "\(row.steps)"
        case .sampler: row.sampler.rawValue
        case .size: "\(row.width)x\(row.height)"
        case .options: row.options.summary
        }
    }
}
