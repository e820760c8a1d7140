//! The C++ side, `hffix.cpp`.
#![allow(unsafe_code)]

use std::ffi::c_char;

use taut_bench::orders::Order;

#[repr(C)]
struct RawOrder {
    msg_seq_num: u64,
    cl_ord_id: u64,
    quantity: i64,
    quantity_exponent: i64,
    price: i64,
    price_exponent: i64,
    time: *const c_char,
    side: c_char,
}

unsafe extern "C" {
    fn taut_hffix_index(bytes: *const c_char, len: usize, visited: *mut u64) -> bool;
    fn taut_hffix_five(
        bytes: *const c_char,
        len: usize,
        tags: *const u32,
        values: *mut u64,
    ) -> bool;
    fn taut_hffix_order(order: *const RawOrder, buffer: *mut c_char, room: usize) -> usize;
}

/// Something of every field of a message that is well formed.
pub fn index(message: &[u8]) -> Option<u64> {
    let mut visited = 0;
    // SAFETY: the bytes and their number; one integer to write to.
    let good = unsafe { taut_hffix_index(message.as_ptr().cast(), message.len(), &mut visited) };
    good.then_some(visited)
}

/// MsgSeqNum, SendingTime in parts, an integer, and the mantissas of two decimals.
pub fn five(message: &[u8], tags: [u32; 3]) -> Option<[u64; 5]> {
    let mut values = [0; 5];
    let (bytes, len) = (message.as_ptr().cast(), message.len());
    // SAFETY: the bytes and their number; three tags to read, five integers to write to.
    let good = unsafe { taut_hffix_five(bytes, len, tags.as_ptr(), values.as_mut_ptr()) };
    good.then_some(values)
}

/// Writes an order and returns its length.
pub fn order(order: &Order, msg_seq_num: u64, time: &[u8; 21], buffer: &mut [u8]) -> usize {
    let raw = RawOrder {
        msg_seq_num,
        cl_ord_id: order.cl_ord_id,
        quantity: order.quantity.mantissa,
        quantity_exponent: -i64::from(order.quantity.scale),
        price: order.price.mantissa,
        price_exponent: -i64::from(order.price.scale),
        time: time.as_ptr().cast(),
        side: order.side as c_char,
    };
    // SAFETY: a pointer to a struct of the same layout, whose time is 21 bytes; room and its size.
    unsafe { taut_hffix_order(&raw, buffer.as_mut_ptr().cast(), buffer.len()) }
}
