/// What the UNet is told of a prompt up to a step.
struct TimedConditioning {
    /// The first step, from 0, that it no longer holds for.
    let end: Int
    var conditioning: Conditioning
}

extension TextConditioner {
    /// Encodes a prompt in its dialect, over the steps of a run.
    ///
    /// - Returns: At least one part; the ends ascend, and the last one is `steps`.
    /// - Throws: ``DiffusionError`` when memory runs out, or clip skip leaves no layer.
    func timeline(of prompt: String, steps: Int, options: RowOptions) throws -> [TimedConditioning] {
        let tokenizer = tokenizers[0]
        let length = tokenizer.contextLength - 2
        switch options.dialect {
        case .plain:
            let conditioning = try self([prompt], clipSkip: options.clipSkip)[0]
            return [TimedConditioning(end: steps, conditioning: conditioning)]
        case .a1111:
            let comma = tokenizer.tokens(of: ",").first
            return try PromptSchedule(prompt).texts(steps: steps).map { end, text in
                let chunks = PromptChunks(
                    a1111: WeightedText(a1111: text), length: length, comma: comma, tokenize: tokenizer.tokens)
                return TimedConditioning(
                    end: end, conditioning: try encode(chunks, options.emphasis ?? .restoredMean, options.clipSkip))
            }
        case .comfyui:
            let chunks = PromptChunks(
                comfyui: WeightedText(comfyui: prompt), length: length, tokenize: tokenizer.tokens)
            return [
                TimedConditioning(
                    end: steps, conditioning: try encode(chunks, options.emphasis ?? .fromEmpty, options.clipSkip))
            ]
        }
    }

    /// Encodes each chunk by itself and puts the results behind one another; the first one speaks for the whole text.
    private func encode(_ prompt: PromptChunks, _ rule: EmphasisRule, _ clipSkip: Int) throws -> Conditioning {
        let ids = prompt.chunks.map { $0.map(\.id) } + (rule == .fromEmpty ? [[]] : [])
        var encoded = try encode(ids.map { ids in tokenizers.map { $0.sequence(ids) } }, clipSkip: clipSkip)
        let empty = rule == .fromEmpty ? encoded.removeLast() : nil
        for (index, chunk) in prompt.chunks.enumerated() where chunk.contains(where: { $0.weight != 1 }) {
            // The start token has no weight, nor have end and padding.
            encoded[index].emphasize([1] + chunk.map { Float($0.weight) }, rule, empty: empty, widths: widths)
        }
        var whole = encoded[0]
        for part in encoded.dropFirst() {
            whole.states += part.states
            whole.tokenCount += part.tokenCount
        }
        return whole
    }
}

extension Conditioning {
    /// Gives weight to tokens.
    ///
    /// - Parameters:
    ///   - weights: Of the first tokens; the others weigh 1.
    ///   - rule: What weights do.
    ///   - empty: The encoding of the empty prompt, for ``EmphasisRule/fromEmpty``.
    ///   - widths: How many of the channels each text encoder has: each keeps its mean for itself.
    mutating func emphasize(
        _ weights: [Float], _ rule: EmphasisRule, empty: Conditioning?, widths: [Int]
    ) {
        guard rule != .ignored else { return }
        let channels = channels
        let before = rule == .restoredMean ? means(widths) : []
        for (token, weight) in weights.prefix(tokenCount).enumerated() where weight != 1 {
            for index in (token * channels)..<((token + 1) * channels) {
                let origin = empty?.states[index] ?? 0
                states[index] = (states[index] - origin) * weight + origin
            }
        }
        guard rule == .restoredMean else { return }
        var start = 0
        for ((old, new), width) in zip(zip(before, means(widths)), widths) {
            let factor = new == 0 ? 1 : Float(old / new)
            for token in 0..<tokenCount {
                for index in (token * channels + start)..<(token * channels + start + width) { states[index] *= factor }
            }
            start += width
        }
    }

    /// The mean of each encoder's numbers.
    private func means(_ widths: [Int]) -> [Double] {
        var start = 0
        return widths.map { width in
            defer { start += width }
            let sum = (0..<tokenCount).reduce(0.0) { sum, token in
                states[(token * channels + start)..<(token * channels + start + width)].reduce(sum) { $0 + Double($1) }
            }
            return sum / Double(max(tokenCount * width, 1))
        }
    }
}
