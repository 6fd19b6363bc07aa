import Diffusion
import SharedModel

/// What of the prompts of a sweep a text encoder never sees, because its window is too short for them.
struct TruncationReport {
    let tokenizer: CLIPTokenizer
    private var seen: Set<[UInt8]> = []
    private var cuts: [String] = []
    private var count = 0

    /// As many prompts are quoted; more would hide the rest of what is printed.
    private static let quoted = 5

    init(tokenizer: CLIPTokenizer) {
        self.tokenizer = tokenizer
    }

    /// Looks at a cell's prompts; only plain ones are cut, the other dialects take as many chunks as they need.
    mutating func add(_ cell: Cell) {
        let profile = cell.options.profile ?? .diffusers
        guard (cell.options.promptSyntax ?? profile.promptSyntax) == .plain else { return }
        for text in [cell.prompt, cell.negativePrompt] where seen.insert(Array(text.utf8)).inserted {
            let tokens = tokenizer.tokenize(text)
            guard tokens.cutCount > 0 else { continue }
            count += 1
            guard cuts.count < Self.quoted else { continue }
            cuts.append(
                "warning: the model reads \(tokenizer.contextLength - 2) tokens of a prompt, and \(tokens.cutCount) are "
                    + "cut from '\(WireText.line(text, longest: 60))': '\(WireText.line(tokens.cutText, longest: 200))'; "
                    + "shorten it, or set prompt-syntax to a1111 or comfyui")
        }
    }

    /// One line for each prompt that is cut, and a last one for those that are not quoted.
    var sentences: [String] {
        count > cuts.count ? cuts + ["warning: \(count - cuts.count) more prompts are cut"] : cuts
    }
}
