//! Cross entropy over the rows of a batch, one row of logits for each class.

/// The mean of −log softmax(logits)[target], and in `grad` its gradient with respect to the logits; both hold class
/// after class, `stride` apart. `correct` counts the samples whose target has the largest logit.
pub fn cross_entropy(logits: &[f32], targets: &[i64], stride: usize, mut grad: Option<&mut [f32]>) -> (f64, usize) {
    let classes = logits.len() / stride;
    let count = targets.len() as f32;
    let (mut total, mut correct) = (0.0, 0);
    for (sample, &target) in targets.iter().enumerate() {
        let logit = |class: usize| logits[class * stride + sample];
        let target = target as usize;
        let largest = (0..classes).map(logit).fold(f32::NEG_INFINITY, f32::max);
        let exponentials: f32 = (0..classes).map(|class| (logit(class) - largest).exp()).sum();
        total += f64::from(exponentials.ln() + largest - logit(target));
        correct += usize::from((0..classes).all(|class| logit(class) < logit(target) || class == target));
        if let Some(grad) = grad.as_deref_mut() {
            for class in 0..classes {
                let share = (logit(class) - largest).exp() / exponentials;
                grad[class * stride + sample] = (share - f32::from(u8::from(class == target))) / count;
            }
        }
    }
    (total / targets.len() as f64, correct)
}

#[cfg(test)]
mod tests {
    use super::cross_entropy;

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_number_of_classes() {
        let mut grad = [0.0; 6];
        let (loss, correct) = cross_entropy(&[1.0; 6], &[0, 2], 2, Some(&mut grad));
        assert!((loss - 3f64.ln()).abs() < 1e-6);
        assert_eq!(correct, 0);
        for (got, expected) in grad.iter().zip([-1.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0, -1.0 / 3.0]) {
            assert!((got - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let (loss, correct) = cross_entropy(&[1e30, -1e30], &[0], 1, None);
        assert_eq!((loss, correct), (0.0, 1));
    }
}
