//! The documents. There are no aliases, so that a result is always under its field's own name, and every argument is a variable of the same
//! name.

use crate::crm::meaning::Effect;

/// An operation: its document, the field its result is under, and whether it may be repeated.
pub(super) struct Operation {
    pub(super) document: &'static str,
    pub(super) field: &'static str,
    pub(super) effect: Effect,
}

pub(super) const CONNECT: Operation = Operation {
    document: "mutation SalonConnect($integrationId: String!, $phone: String, $code: String, $isUser: Boolean, $data: JSON, \
               $cachedCustomerId: String) { widgetsMessengerConnect(integrationId: $integrationId, phone: $phone, code: $code, \
               isUser: $isUser, data: $data, cachedCustomerId: $cachedCustomerId) { customerId } }",
    field: "widgetsMessengerConnect",
    effect: Effect::Repeatable,
};

pub(super) const INSERT: Operation = Operation {
    document: "mutation SalonInsert($integrationId: String!, $customerId: String, $conversationId: String, $message: String, \
               $contentType: String) { widgetsInsertMessage(integrationId: $integrationId, customerId: $customerId, \
               conversationId: $conversationId, message: $message, contentType: $contentType) { _id conversationId } }",
    field: "widgetsInsertMessage",
    effect: Effect::Once,
};

pub(super) const ADD: Operation = Operation {
    document: "mutation SalonAdd($conversationId: String, $content: String, $internal: Boolean, $contentType: String) { \
               conversationMessageAdd(conversationId: $conversationId, content: $content, internal: $internal, \
               contentType: $contentType) { _id conversationId } }",
    field: "conversationMessageAdd",
    effect: Effect::Once,
};

pub(super) const CONVERSATIONS: Operation = Operation {
    document: "query SalonConversations($integrationId: String!, $customerId: String) { \
               widgetsConversations(integrationId: $integrationId, customerId: $customerId) { _id createdAt } }",
    field: "widgetsConversations",
    effect: Effect::Repeatable,
};

pub(super) const MESSAGES: Operation = Operation {
    document: "query SalonMessages($conversationId: String!, $skip: Int, $limit: Int) { \
               conversationMessages(conversationId: $conversationId, skip: $skip, limit: $limit) { \
               _id conversationId content customerId userId internal fromBot createdAt } }",
    field: "conversationMessages",
    effect: Effect::Repeatable,
};

pub(super) const INTEGRATION: Operation = Operation {
    document: "query SalonIntegration($_id: String!) { integrationDetail(_id: $_id) { kind } }",
    field: "integrationDetail",
    effect: Effect::Repeatable,
};

pub(super) const CURRENT_USER: Operation =
    Operation { document: "query SalonWho { currentUser { _id isOwner } }", field: "currentUser", effect: Effect::Repeatable };

pub(super) const SEARCH: Operation = Operation {
    document: "query SalonSearch($searchValue: String, $limit: Int) { customers(searchValue: $searchValue, limit: $limit) { \
               list { _id state status firstName lastName primaryEmail emails primaryPhone phones code propertiesData } } }",
    field: "customers",
    effect: Effect::Repeatable,
};

pub(super) const DETAIL: Operation = Operation {
    document: "query SalonCustomer($_id: String!) { customerDetail(_id: $_id) { _id state status updatedAt firstName lastName \
               primaryEmail emails primaryPhone phones code propertiesData } }",
    field: "customerDetail",
    effect: Effect::Repeatable,
};

/// Repeatable, though each call that succeeds adds one: it carries our id as `code`, and a look-up by that comes before it.
pub(super) const CUSTOMER_ADD: Operation = Operation {
    document: "mutation SalonCustomerAdd($state: String, $firstName: String, $lastName: String, $primaryEmail: String, \
               $primaryPhone: String, $code: String, $propertiesData: JSON) { customersAdd(state: $state, firstName: $firstName, \
               lastName: $lastName, primaryEmail: $primaryEmail, primaryPhone: $primaryPhone, code: $code, \
               propertiesData: $propertiesData) { _id } }",
    field: "customersAdd",
    effect: Effect::Repeatable,
};

pub(super) const CUSTOMER_EDIT: Operation = Operation {
    document: "mutation SalonCustomerEdit($_id: String!, $firstName: String, $lastName: String, $primaryEmail: String, \
               $primaryPhone: String, $phones: [String], $code: String, $propertiesData: JSON) { customersEdit(_id: $_id, \
               firstName: $firstName, lastName: $lastName, primaryEmail: $primaryEmail, primaryPhone: $primaryPhone, \
               phones: $phones, code: $code, propertiesData: $propertiesData) { _id } }",
    field: "customersEdit",
    effect: Effect::Repeatable,
};

pub(super) const CUSTOMER_STATE: Operation = Operation {
    document: "mutation SalonCustomerState($_id: String!, $value: String!) { customersChangeState(_id: $_id, value: $value) { _id } }",
    field: "customersChangeState",
    effect: Effect::Repeatable,
};

pub(super) const NOTE_ADD: Operation = Operation {
    document: "mutation SalonNoteAdd($contentType: String!, $contentTypeId: String, $content: String) { \
               internalNotesAdd(contentType: $contentType, contentTypeId: $contentTypeId, content: $content) { _id } }",
    field: "internalNotesAdd",
    effect: Effect::Once,
};

pub(super) const NOTES: Operation = Operation {
    document: "query SalonNotes($contentType: String!, $contentTypeId: String) { \
               internalNotes(contentType: $contentType, contentTypeId: $contentTypeId) { _id content createdAt } }",
    field: "internalNotes",
    effect: Effect::Repeatable,
};

/// Every document there is: a test compares each with the vendor's schema.
#[cfg(test)]
pub(super) const ALL: &[&Operation] = &[
    &CONNECT,
    &INSERT,
    &ADD,
    &CONVERSATIONS,
    &MESSAGES,
    &INTEGRATION,
    &CURRENT_USER,
    &SEARCH,
    &DETAIL,
    &CUSTOMER_ADD,
    &CUSTOMER_EDIT,
    &CUSTOMER_STATE,
    &NOTE_ADD,
    &NOTES,
];
