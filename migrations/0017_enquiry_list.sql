-- Why: a salon's enquiries are listed, latest first, page by page.

create index enquiry_of on enquiry (tenant_id, id);
