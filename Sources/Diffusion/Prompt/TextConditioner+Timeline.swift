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
    func timeline(of prompt: String, steps: Int, options: RowOptions) throws -> [TimedConditioning] {
        guard options.dialect != .plain else {
            let conditioning = try self([prompt], clipSkip: options.clipSkip)[0]
            return [TimedConditioning(end: steps, conditioning: conditioning)]
        }
        return []
    }
}
