pub struct Matrix<const ROWS: usize, const COLUMNS: usize>(pub [[f32; COLUMNS]; ROWS]);

fn main() {
    let batch = std::env::args().count();
    let x = Matrix::<batch, 3>([[0.0; 3]; batch]);
    println!("{}", x.0.len());
}
