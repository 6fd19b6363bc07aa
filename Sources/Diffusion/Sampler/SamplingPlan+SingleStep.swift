/// Methods that remember nothing beyond a step.
extension SamplingPlan {
    /// Equation 12 of <https://arxiv.org/abs/2010.02502>; goes down by as much each time, wherever the spacing has its next
    /// timestep, as diffusers does.
    func ddim() -> [Evaluation] {
        let interval = Double(schedule.config.trainedTimestepCount / count)
        return levels.indices.dropLast().map { index in
            let level = levels[index]
            let there = timesteps[index] - interval
            let next = there >= 0 ? NoiseLevel(alphaBar: schedule.alphaBar(at: Int(there))) : levels[count]
            // Written with sigma² = 1 − ᾱ, as these levels have no other.
            let share = level.alpha / next.alpha
            let added = eta * next.sigma / level.sigma * max(1 - share * share, 0).squareRoot()
            let kept = max(next.sigma * next.sigma - added * added, 0).squareRoot()
            let image = denoised(at: index)
            return evaluation(
                index, next: image * next.alpha + level.noise(image) * kept + .noise * added)
        }
    }

    /// Algorithm 1 of <https://arxiv.org/abs/2206.00364> without its second-order correction.
    func euler() -> [Evaluation] {
        levels.indices.dropLast().map { index in
            let image = denoised(at: index)
            return evaluation(index, next: levels[index + 1].latents(image, levels[index].noise(image)))
        }
    }

    /// Goes down below the next level and adds noise up to it: `sample_euler_ancestral` of k-diffusion.
    func eulerAncestral() -> [Evaluation] {
        levels.indices.dropLast().map { index in
            let image = denoised(at: index)
            let (lowered, added) = ancestral(from: levels[index], to: levels[index + 1])
            return evaluation(index, next: lowered.latents(image, levels[index].noise(image)) + .noise * added)
        }
    }

    /// Algorithm 1 of <https://arxiv.org/abs/2206.00364>: the slope is the mean of both ends'.
    func heun() -> [Evaluation] {
        levels.indices.dropLast().flatMap { index in
            let (level, next) = (levels[index], levels[index + 1])
            let slope = level.noise(denoised(at: index))
            let euler = Combination.latents + slope * (next.sigma - level.sigma)
            guard next.sigma > 0 else { return [evaluation(index, next: euler)] }
            let slopeThere = next.noise(denoised(at: index + 1))
            let mean = (Combination.memory(0) + slopeThere) / 2
            return [
                evaluation(index, next: euler, anchor: .latents, remembered: slope),
                Evaluation(
                    timestep: timesteps[index + 1], level: next, step: index,
                    next: .anchor + mean * (next.sigma - level.sigma)),
            ]
        }
    }

    /// `sample_dpm_2` and `sample_dpm_2_ancestral` of k-diffusion: the slope at the geometric mean of both levels.
    func dpm2(isAncestral: Bool) -> [Evaluation] {
        levels.indices.dropLast().flatMap { index in
            let level = levels[index]
            let (lowered, added) =
                isAncestral ? ancestral(from: level, to: levels[index + 1]) : (levels[index + 1], 0)
            let slope = level.noise(denoised(at: index))
            guard lowered.sigma > 0 else {
                let next = Combination.latents + slope * (lowered.sigma - level.sigma) + .noise * added
                return [evaluation(index, next: next)]
            }
            let middle = midpoint(of: level, and: lowered)
            let slopeThere = middle.noise(middle.denoised(prediction))
            return [
                evaluation(
                    index, next: .latents + slope * (middle.sigma - level.sigma), anchor: .latents),
                Evaluation(
                    timestep: midpointTimestep(middle), level: middle, step: index,
                    next: .anchor + slopeThere * (lowered.sigma - level.sigma) + .noise * added),
            ]
        }
    }

    /// `sample_dpmpp_sde` of k-diffusion with r = 1/2, where the second stage replaces the first.
    func dpmppSDE() -> [Evaluation] {
        levels.indices.dropLast().flatMap { index in
            let (level, next) = (levels[index], levels[index + 1])
            let image = denoised(at: index)
            guard next.sigma > 0 else { return [evaluation(index, next: next.latents(image, .nothing))] }
            let middle = midpoint(of: level, and: next)
            let toMiddle = ancestral(from: level, to: middle)
            let toNext = ancestral(from: level, to: next)
            let imageThere = middle.denoised(prediction)
            return [
                evaluation(
                    index, next: toMiddle.lowered.latents(image, level.noise(image)) + .noise * toMiddle.added,
                    anchor: .latents, noise: noise(from: level, to: middle, isAlwaysBrownian: true)),
                Evaluation(
                    timestep: midpointTimestep(middle), level: middle, step: index,
                    next: toNext.lowered.latents(imageThere, level.noise(imageThere, latents: .anchor))
                        + .noise * toNext.added,
                    noise: noise(from: level, to: next, isAlwaysBrownian: true)),
            ]
        }
    }

    /// Algorithm 3 of <https://arxiv.org/abs/2310.04378>: to the image and back to the next level with fresh noise.
    func lcm() -> [Evaluation] {
        levels.indices.dropLast().map { index in
            var image = denoised(at: index)
            if settings.layout == nil {
                // Section 4.2 of <https://arxiv.org/abs/2303.01469>, σ_data = 0.5, timesteps scaled by 10 as in diffusers.
                let scaled = 10 * timesteps[index]
                let variance = scaled * scaled + 0.25
                image = image * (scaled / variance.squareRoot()) + .latents * (0.25 / variance)
            }
            let next = levels[index + 1]
            let isLast = index == count - 1
            return evaluation(index, next: isLast ? image : next.latents(image, .noise))
        }
    }

    /// Algorithm 4 of <https://arxiv.org/abs/2402.19159>: to a level below the next one, and back up with fresh noise.
    func tcd() -> [Evaluation] {
        levels.indices.dropLast().map { index in
            let image = denoised(at: index)
            let isLast = index == count - 1
            let next = isLast ? 0 : timesteps[index + 1]
            let lowered = NoiseLevel(alphaBar: schedule.alphaBar(at: Int((1 - eta) * next)))
            let there = lowered.latents(image, levels[index].noise(image))
            guard eta > 0, !isLast else { return evaluation(index, next: there) }
            let share = levels[index + 1].alpha / lowered.alpha
            return evaluation(index, next: there * share + .noise * max(1 - share * share, 0).squareRoot())
        }
    }

    /// Where an ancestral step goes before it adds noise, and how much it adds: `get_ancestral_step` of k-diffusion.
    private func ancestral(from level: NoiseLevel, to next: NoiseLevel) -> (lowered: NoiseLevel, added: Double) {
        let (variance, nextVariance) = (level.ratio * level.ratio, next.ratio * next.ratio)
        guard nextVariance > 0 else { return (next, 0) }
        let added = min(next.ratio, eta * max(nextVariance * (variance - nextVariance) / variance, 0).squareRoot())
        let lowered = max(nextVariance - added * added, 0).squareRoot()
        return (NoiseLevel(sigma: lowered, preservesVariance: false), added)
    }

    private func midpoint(of first: NoiseLevel, and second: NoiseLevel) -> NoiseLevel {
        NoiseLevel(sigma: (first.ratio * second.ratio).squareRoot(), preservesVariance: false)
    }

    private func midpointTimestep(_ level: NoiseLevel) -> Double {
        settings.midpointRounding(schedule.timestep(ofSigma: level.ratio))
    }
}
