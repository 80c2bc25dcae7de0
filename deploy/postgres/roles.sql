-- Run once by the image, as the superuser, when its volume is empty. The passwords go over psql's own variables: no command line has
-- them, and the server stores them hashed.
\set ON_ERROR_STOP on
\set owner_password `cat /run/secrets/postgres_owner_password`
\set app_password `cat /run/secrets/postgres_app_password`
create role salon_owner login nosuperuser nocreatedb nocreaterole password :'owner_password';
create role salon_app login nosuperuser nobypassrls nocreatedb nocreaterole password :'app_password';
create database salon owner salon_owner;
